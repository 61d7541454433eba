/**
 * Why there is no connection, from what Node says of it. Pure.
 */
import { Unreachable } from "../Transport.ts"

/** Without an error it hung up. */
export const unreachable = (target: string, error: (Error & { readonly code?: string }) | undefined): Unreachable => {
  const code = error?.code ?? ""
  return new Unreachable({ target, kind: kindOf(code), why: error?.message || code || "it hung up" })
}

const kindOf = (code: string): Unreachable["kind"] => {
  if (code === "ECONNREFUSED") return "refused"
  if (code === "ETIMEDOUT") return "timeout"
  if (code === "ECONNRESET" || code === "EPIPE") return "reset"
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "dns"
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(code)) return "tls"
  return code === "" || code.startsWith("HPE_") ? "protocol" : "other"
}
