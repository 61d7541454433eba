/**
 * An upstream that sends every message back, and reads no faster than it can.
 */
import type * as Acceptor from "@holdfast/websocket/Acceptor"
import type { Frame, Transport } from "@holdfast/websocket/Transport"
import * as Effect from "effect/Effect"

/** Hears of every message, with the client it came from. */
export type Heard = (client: Acceptor.Upgrade, frame: Frame) => void

/** Somebody to be killed. */
export interface Echo {
  /** Cuts every connection, without goodbye. */
  readonly cut: () => void
}

/** Echoes to the clients of the door until the scope closes. */
export const serve = Effect.fnUntraced(function* (door: Acceptor.Acceptor["Service"], heard: Heard = () => {}) {
  const peers = new Set<Transport>()
  const upgrade = (client: Acceptor.Upgrade): Effect.Effect<void> =>
    Effect.gen(function* () {
      const peer = yield* client.accept({ protocol: client.protocols[0] })
      yield* Effect.acquireRelease(
        Effect.sync(() => peers.add(peer)),
        () => Effect.sync(() => peers.delete(peer)),
      )
      echo(peer, (frame) => heard(client, frame))
      yield* peer.closed
    }).pipe(
      Effect.scoped,
      Effect.catch((error) => Effect.logDebug(error.message)),
    )
  yield* door.serve({ upgrade })
  return {
    cut: () => {
      for (const peer of peers) peer.cut()
    },
  } satisfies Echo
})

const echo = (peer: Transport, heard: (frame: Frame) => void) => {
  // Bounded by one read of the socket, because reading stops with the first frame that waits.
  const waiting: Array<Frame> = []
  peer.listen({
    frame: (frame) => {
      heard(frame)
      if (waiting.length === 0 && peer.send(frame)) return
      if (waiting.push(frame) === 1) peer.pause()
    },
    writable: () => {
      while (waiting.length > 0 && peer.send(waiting[0]!)) waiting.shift()
      if (waiting.length === 0) peer.resume()
    },
    closed: () => {},
  })
}
