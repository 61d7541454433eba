/**
 * An upstream that sends every message back, and reads no faster than it can.
 */
import type * as Acceptor from "@holdfast/websocket/Acceptor"
import type { Frame, Transport } from "@holdfast/websocket/Transport"
import * as Effect from "effect/Effect"

/** Echoes to the clients of the door until the scope closes. */
export const serve = (door: Acceptor.Acceptor["Service"]) => door.serve({ upgrade })

const upgrade = (client: Acceptor.Upgrade): Effect.Effect<void> =>
  Effect.gen(function* () {
    const peer = yield* client.accept({ protocol: client.protocols[0] })
    echo(peer)
    yield* peer.closed
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.logDebug(error.message)),
  )

const echo = (peer: Transport) => {
  // Bounded by one read of the socket, because reading stops with the first frame that waits.
  const waiting: Array<Frame> = []
  peer.listen({
    frame: (frame) => {
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
