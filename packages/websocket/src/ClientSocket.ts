/**
 * The client as an `effect/socket` Socket, for Effect RPC and whatever else reads one. Outside the barrel: `effect/socket` is unstable.
 *
 * **Details**
 *
 * - A connection that was lost and resumed is invisible, if nothing on its way may have been lost with it.
 * - Everything else is another session: the reader ends with a `SocketCloseError` that has the close code of the old one, after all it
 *   has received. Taking the reader again goes on with the next session, which the client dials with its own backoff meanwhile.
 * - Who closes its reader ends the session, with 1000. A `CloseEvent` does it with the code it carries.
 * - What is written between two sessions waits, as `buffer` says; what still waits when its session is over is given up with it, and
 *   told by a `Dropped` event.
 * - `uncertain` decides over what was sent and not confirmed when a connection was lost: `"fail"`, the default here, ends the session.
 *   Under `"drop"` it may be missing in a session that goes on, under `"replay"` it may arrive twice.
 * - The server's 1000 ends the session, not the client. When the client is over for good, readers end with that code, the first at once
 *   and later ones after 5 seconds, so that a policy which retries for ever does not spin; writes are dropped.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import type * as Client from "./Client.ts"
import * as Sessions from "./internal/clientSocket.ts"

/** How to connect, as for `Client`, but that `uncertain` is `"fail"` by default, and ends the session only. */
export type Options = Client.Options

/** Connects, and stays connected until the scope closes. One reader at a time; another waits until the first is closed. */
export const make = (options: Options): Effect.Effect<Socket.Socket, never, Scope.Scope> => Sessions.make(options)

/**
 * Provides the socket.
 *
 * **Gotchas**
 *
 * For RPC behind a Holdfast proxy, let the proxy run with `uncertain: "fail"` and `onUpstreamLoss: "close"`: otherwise an answer may be
 * lost in a session that goes on, or a server may be dialled again that knows nothing of the calls of before, and they wait for ever.
 * RPC gives up a server that is silent for its `pingTimeout`, 5 seconds by default: give it more, and calls wait as long for a
 * connection that comes back.
 */
export const layer = (options: Options): Layer.Layer<Socket.Socket> => Layer.effect(Socket.Socket, make(options))
