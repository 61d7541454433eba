/**
 * Opens WebSockets towards servers. The network is a reference, like `Clock`: real unless a simulation provides another.
 *
 * @since 0.1.0
 */
import { dial } from "#dial"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Transport from "./Transport.ts"

/** Trust and identity of the dialling side, as PEM. */
export interface Tls {
  /** Authorities to trust instead of the system's. */
  readonly ca?: string | undefined
  /** Certificate to show, with its chain. */
  readonly cert?: string | undefined
  readonly key?: Redacted.Redacted<string> | undefined
}

/** What to dial. */
export interface Target {
  /** Scheme, host, path and query. The path and query are sent exactly as written. */
  readonly url: string
  readonly protocols?: ReadonlyArray<string> | undefined
  readonly headers?: Transport.Headers | undefined
  /** Larger messages end the connection with 1009, in bytes. Default 16 MiB. */
  readonly maxMessage?: number | undefined
  readonly tls?: Tls | undefined
}

/** Dials. */
export class Dialer extends Context.Reference<{
  /** Opens a WebSocket that is cut when the scope closes. No timeout of its own. */
  readonly dial: (target: Target) => Effect.Effect<Transport.Transport, Transport.TransportError, Scope.Scope>
}>("@holdfast/websocket/Dialer", { defaultValue: () => ({ dial }) }) {}
