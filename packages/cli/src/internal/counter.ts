/**
 * A client that sends numbered messages through the proxy and counts what comes back. A connection that ends is dialled again,
 * and what was out on it counts as lost.
 */
import * as Dialer from "@holdfast/websocket/Dialer"
import type { Frame } from "@holdfast/websocket/Transport"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Tally } from "./tally.ts"

/** The client. */
export interface Counter {
  readonly tally: Tally
  /** Sends no more, waits a while for what is out, and says goodbye. */
  readonly finish: Effect.Effect<void>
}

/** More than this is never out at a time; the client waits then. */
const window = 10_000

/** Dials, and goes on sending until it is told to finish or the scope closes. */
export const make = Effect.fnUntraced(function* (options: {
  readonly url: string
  readonly perSecond: number
}): Effect.fn.Return<Counter, never, Scope.Scope> {
  const dialer = yield* Dialer.Dialer
  const clock = yield* Clock.Clock
  const told = yield* Deferred.make<void>()
  const tally = new Tally()
  const now = () => clock.currentTimeNanosUnsafe()

  const session = Effect.gen(function* () {
    const peer = yield* dialer.dial({ url: options.url })
    let writable = true
    peer.listen({
      frame: (frame) => tally.received(numberIn(frame), now()),
      writable: () => void (writable = true),
      closed: () => {},
    })
    const [since, before] = [now(), tally.counts.sent]
    const send = Effect.sync(() => {
      const due = before + 1 + Math.floor((Number(now() - since) / 1e9) * options.perSecond)
      while (writable && tally.away < window && tally.next <= due) {
        writable = peer.send(frameOf(tally.next))
        if (writable) tally.sent(now())
      }
    })
    const sending = Effect.andThen(Effect.repeat(send, Schedule.spaced(pause(options.perSecond))), Effect.never)
    const ended = yield* Effect.raceFirst(
      Effect.raceFirst(peer.closed, Effect.as(Deferred.await(told), undefined)),
      sending,
    )
    if (ended !== undefined) return yield* Effect.logWarning("the client's connection ended", { ...ended })
    const back = Effect.repeat(Effect.sleep("10 millis"), { while: () => tally.away > 0 })
    yield* Effect.timeoutOption(Effect.raceFirst(back, peer.closed), "5 seconds")
    yield* peer.close(1000, "")
  })

  const sessions = Effect.scoped(session).pipe(
    Effect.catch(({ message }) => Effect.logWarning(message)),
    Effect.andThen(Effect.sync(() => tally.giveUp())),
    Effect.andThen(Effect.raceFirst(Deferred.await(told), Effect.sleep("250 millis"))),
    Effect.repeat({ until: () => Deferred.isDone(told) }),
  )
  const fiber = yield* Effect.forkScoped(sessions)
  return { tally, finish: Effect.andThen(Deferred.succeed(told, undefined), Effect.asVoid(Fiber.await(fiber))) }
})

const pause = (perSecond: number): Duration.Duration => Duration.millis(Math.max(10, 1000 / perSecond))

const numberIn = (frame: Frame): number => Number(new TextDecoder().decode(frame.bytes()))

const frameOf = (number: number): Frame => {
  const bytes = new TextEncoder().encode(String(number))
  return { text: true, size: bytes.byteLength, bytes: () => bytes }
}
