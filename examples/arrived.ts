/**
 * For the peers of the examples: a message, and the certainty that the other side's library has it.
 */
import { Effect } from "effect"
import type WebSocket from "ws"

/** Sends, and waits until it has arrived. */
export const say = (socket: WebSocket, text: string) =>
  Effect.andThen(
    Effect.sync(() => socket.send(text)),
    arrived(socket),
  )

/** The Pong comes when everything sent before its Ping has been read. */
export const arrived = (socket: WebSocket) =>
  Effect.callback<void>((resume) => {
    const token = "everything?"
    const answered = (data: Buffer) => {
      if (data.toString() !== token) return
      socket.off("pong", answered)
      resume(Effect.void)
    }
    socket.on("pong", answered)
    socket.ping(token)
  })
