/**
 * Certificates for one test run, made by `openssl` in a temporary folder that is gone afterwards.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** As PEM. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

/** Whether they can be made here. */
export const available = (): boolean => spawnSync("openssl", ["version"]).status === 0

const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]

/** An authority, and what it signs: for servers on the loopback when `server`, for clients otherwise. */
export const authority = (name: string, sign: Readonly<Record<string, "server" | "client">>) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-"))
  const file = (of: string, kind: string) => join(folder, `${of}.${kind}`)
  const make = (of: string, ...options: ReadonlyArray<string>) => {
    const out = ["-keyout", file(of, "key"), "-out", file(of, "pem"), "-subj", `/CN=${of}`]
    const run = spawnSync("openssl", ["req", "-x509", ...key, ...out, ...options])
    if (run.status !== 0) throw new Error(run.stderr.toString())
  }
  const read = (of: string): Pair => ({
    cert: readFileSync(file(of, "pem"), "utf8"),
    key: readFileSync(file(of, "key"), "utf8"),
  })
  make(name, "-addext", "keyUsage=keyCertSign")
  const signed: Record<string, Pair> = {}
  for (const [of, use] of Object.entries(sign)) {
    const names = use === "server" ? ["-addext", "subjectAltName=IP:127.0.0.1"] : []
    const usage = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", `extendedKeyUsage=${use}Auth`]
    make(of, "-CA", file(name, "pem"), "-CAkey", file(name, "key"), ...names, ...usage)
    signed[of] = read(of)
  }
  const ca = read(name).cert
  rmSync(folder, { recursive: true })
  return { ca, of: (name: string) => signed[name]! }
}
