/**
 * Platform file: real TCP sockets, as little of them as a proxy needs. Half-open connections stay half-open, a socket that is
 * paused is not read, and a reset is a real RST.
 */
import * as Net from "node:net"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "./address.ts"

/** One end of a connection: the socket towards a peer. Plain; nothing here throws. */
export interface End {
  /** `false`: wait for `drained` before the next one. */
  readonly write: (bytes: Uint8Array) => boolean
  readonly pause: () => void
  readonly resume: () => void
  /** A FIN behind what was written; the peer may go on writing. */
  readonly finish: () => void
  /** A RST at once; what is on its way is lost. */
  readonly reset: () => void
}

/** Who is told what the peer does. */
export interface Ear {
  readonly read: (bytes: Uint8Array) => void
  /** Its FIN. */
  readonly finished: () => void
  readonly drained: () => void
  /** Nothing comes or goes any more: it was reset, or both sides are through. */
  readonly gone: (reset: boolean) => void
}

/** The port could not be opened. */
export class CannotListen extends Data.TaggedError("CannotListen")<{ readonly why: string }> {}

/** Calls back with every connection, paused, until the scope closes. Connections outlive it. The answer is the port. */
export const listen = (
  { host, port }: Address,
  accept: (client: End, hear: (ear: Ear) => void) => void,
): Effect.Effect<number, CannotListen, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Net.Server, CannotListen>((resume) => {
      const server = Net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
        const { end, hear } = endOf(socket)
        accept(end, hear)
      })
      server.on("error", (error: NodeJS.ErrnoException) =>
        resume(Effect.fail(new CannotListen({ why: reasons[error.code ?? ""] ?? error.message }))),
      )
      server.listen({ host, port }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  ).pipe(
    Effect.map((server) => {
      const bound = server.address()
      // A server that listens on a host and a port has an address of this shape; text is for pipes, null for one that is closed.
      return typeof bound === "string" || bound === null ? port : bound.port
    }),
  )

/** What became of a dial; exactly one of them is called, unless it is given up with `reset` before. */
export interface Dialled {
  readonly opened: () => void
  readonly refused: () => void
}

/** Dials; the end is paused, and may be reset while it is not open yet. */
export const dial = (address: Address, dialled: Dialled): { readonly end: End; readonly hear: (ear: Ear) => void } => {
  const socket = Net.connect({ ...address, allowHalfOpen: true, noDelay: true, autoSelectFamily: true })
  socket.pause()
  let open = false
  socket.once("connect", () => {
    open = true
    dialled.opened()
  })
  socket.once("close", () => {
    if (!open) dialled.refused()
  })
  return endOf(socket)
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "permission denied",
  ENOTFOUND: "there is no such host",
}

const endOf = (socket: Net.Socket): { readonly end: End; readonly hear: (ear: Ear) => void } => {
  let failed = false
  socket.on("error", () => (failed = true))
  const end: End = {
    write: (bytes) => !socket.writable || socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    finish: () => void socket.end(),
    reset: () => {
      // Before the first byte of the handshake there is nothing to reset.
      if (socket.connecting) socket.destroy()
      else socket.resetAndDestroy()
    },
  }
  // It was told to pause, so that a listener for data does not set it flowing.
  const hear = (ear: Ear) => {
    socket.on("data", ear.read)
    socket.on("end", ear.finished)
    socket.on("drain", ear.drained)
    socket.on("close", () => ear.gone(failed))
  }
  return { end, hear }
}
