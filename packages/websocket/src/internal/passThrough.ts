/**
 * A session that lives exactly as long as both of its connections: what one side sends the other gets, and so it ends.
 * No fiber while it is open.
 */
import type { Row } from "@holdfast/core/Telemetry"
import * as Effect from "effect/Effect"
import type { CloseInfo, Listener, Transport } from "../Transport.ts"
import * as CloseCode from "./closeCode.ts"
import { Direction, type Traffic } from "./direction.ts"
import * as Patience from "./patience.ts"

export interface Options {
  readonly id: string
  readonly client: Transport
  readonly upstream: Transport
  readonly up: Traffic
  readonly down: Traffic
  /** Runs what must wait, supervised by the proxy. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Both connections have ended. Once. */
  readonly onEnd: (ends: Ends) => void
}

/** How both connections of a session ended, and who began it. */
export interface Ends {
  readonly first: "client" | "upstream" | "proxy"
  readonly client: CloseInfo
  readonly upstream: CloseInfo
}

export interface Session {
  readonly row: () => Row
  /** Says goodbye to both sides, with what was under way first. */
  readonly shutdown: Effect.Effect<void>
  /** Cuts both sides. */
  readonly cut: () => void
}

/** Joins two open connections. */
export const join = ({ client, down: downTraffic, fork, id, onEnd, up: upTraffic, upstream }: Options): Session => {
  const up = new Direction(client, upstream, upTraffic)
  const down = new Direction(upstream, client, downTraffic)
  let clientEnd: CloseInfo | undefined
  let upstreamEnd: CloseInfo | undefined
  let first: Ends["first"] | undefined

  const ended = (who: Ends["first"]) => {
    first ??= who
    if (clientEnd !== undefined && upstreamEnd !== undefined) onEnd({ first, client: clientEnd, upstream: upstreamEnd })
  }

  client.listen(
    listener(up, down, (end) => {
      clientEnd = end
      if (upstreamEnd === undefined) fork(farewell(up, CloseCode.toUpstream(end)))
      ended("client")
    }),
  )
  upstream.listen(
    listener(down, up, (end) => {
      upstreamEnd = end
      if (clientEnd === undefined) fork(farewell(down, CloseCode.toClient(end)))
      ended("upstream")
    }),
  )

  return {
    row: () => ({
      _tag: "Session",
      id,
      state: clientEnd === undefined && upstreamEnd === undefined ? "Active" : "Closing",
      clientConnected: clientEnd === undefined,
      upstreamState: upstreamEnd === undefined ? "Ready" : "Shutdown",
      bufferedMessages: up.heldMessages + down.heldMessages,
      bufferedBytes: up.heldBytes + down.heldBytes + client.unsentBytes() + upstream.unsentBytes(),
      resumes: 0,
    }),
    shutdown: Effect.suspend(() => {
      ended("proxy")
      client.pause()
      upstream.pause()
      return Effect.all([farewell(up, CloseCode.shutdown.upstream), farewell(down, CloseCode.shutdown.client)], {
        concurrency: "unbounded",
        discard: true,
      })
    }),
    cut: () => {
      ended("proxy")
      client.cut()
      upstream.cut()
    },
  }
}

/** Hears one connection: its frames go `out`, its readiness lets `back` go on. */
const listener = (out: Direction, back: Direction, ended: (end: CloseInfo) => void): Listener => ({
  frame: (frame) => out.push(frame),
  writable: () => back.flush(),
  closed: (end) => {
    back.abandon()
    ended(end)
  },
})

// What was sent before the goodbye arrives before it; a peer that takes nothing is cut.
const farewell = (way: Direction, goodbye: CloseCode.Goodbye): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (way.leaving) return
    way.leaving = true
    const empty = Effect.callback<void>((resume) => way.onEmpty(() => resume(Effect.void)))
    const moving = yield* Patience.whileMoving(empty, () => way.heldBytes + way.to.unsentBytes())
    if (!moving) return way.to.cut()
    way.stop()
    yield* way.to.close(goodbye.code, goodbye.reason)
  })
