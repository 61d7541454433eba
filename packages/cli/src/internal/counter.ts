/**
 * A client that sends numbered messages through the proxy and counts what comes back. When its connection vanishes it comes back to
 * its session; when the session is over it begins another, and what was out counts as lost.
 */
import * as Dialer from "@holdfast/websocket/Dialer"
import type { Frame, Transport, TransportError } from "@holdfast/websocket/Transport"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Tally } from "./tally.ts"

/** The client. */
export interface Counter {
  /** Sends no more, waits a while for what is out, and says goodbye. */
  readonly finish: Effect.Effect<void>
}

/** More than this is never out at a time; the client waits then. */
const window = 10_000

/** For what is out at the end: the proxy may be about to dial its upstream again, which it does at least every 5 seconds. */
const patience = "10 seconds"

/** What opens the session again. */
interface Ticket {
  readonly id: string
  readonly token: string
}

/** Dials, and goes on sending until it is told to finish or the scope closes. */
export const make = Effect.fnUntraced(function* (options: {
  readonly url: string
  readonly perSecond: number
  readonly tally: Tally
}): Effect.fn.Return<Counter, never, Scope.Scope> {
  const dialer = yield* Dialer.Dialer
  const clock = yield* Clock.Clock
  const told = yield* Deferred.make<void>()
  const { tally } = options
  const now = () => clock.currentTimeNanosUnsafe()
  let ticket: Ticket | undefined

  const connect = Effect.gen(function* () {
    const peer = yield* dialer.dial({ url: options.url, headers: ticket === undefined ? {} : resuming(ticket) })
    const next = ticketIn(peer)
    if (ticket !== undefined && ticket.id === next.id) {
      tally.doubts?.resumed()
    } else {
      tally.giveUp()
      tally.doubts?.begin(next.id, tally.counts.sent)
    }
    ticket = next.id === undefined || next.token === undefined ? undefined : { id: next.id, token: next.token }
    return peer
  })

  const connection = Effect.gen(function* () {
    const peer = yield* connect
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
    if (ended !== undefined) {
      if (ended.code !== vanished) ticket = undefined
      return yield* Effect.logWarning("the client's connection ended", { ...ended })
    }
    const back = Effect.repeat(Effect.sleep("10 millis"), { while: () => tally.isWaiting })
    yield* Effect.timeoutOption(Effect.raceFirst(back, peer.closed), patience)
    ticket = undefined
    yield* peer.close(1000, "")
  })

  const refused = ({ message, reason }: TransportError) => {
    if (reason._tag === "Refused" && reason.status === 404) ticket = undefined
    return Effect.logWarning(message)
  }
  const leave = Effect.sync(() => {
    if (ticket === undefined) return tally.giveUp()
    tally.doubts?.vanished(tally.oldest, tally.next - 1)
  })
  const connections = Effect.scoped(Effect.andThen(connection, leave)).pipe(
    Effect.catch(refused),
    Effect.andThen(Effect.raceFirst(Deferred.await(told), Effect.sleep("250 millis"))),
    Effect.repeat({ until: () => Deferred.isDone(told) }),
    Effect.andThen(Effect.sync(() => tally.giveUp())),
  )
  const fiber = yield* Effect.forkScoped(connections)
  return { finish: Effect.andThen(Deferred.succeed(told, undefined), Effect.asVoid(Fiber.await(fiber))) }
})

/** The number in a message of ours; anything else is no number. */
export const numberIn = (frame: Frame): number =>
  frame.size > digits ? Number.NaN : Number(new TextDecoder().decode(frame.bytes()))

/** The code of a connection that ended without a goodbye. */
const vanished = 1006

/** More than a number ever has. */
const digits = 16

const resuming = ({ id, token }: Ticket) => ({ "x-reconnect-id": id, "x-resume-token": token })

const ticketIn = ({ headers }: Transport) => {
  const said = (name: string) => (typeof headers[name] === "string" ? headers[name] : undefined)
  return { id: said("x-connection-id"), token: said("x-resume-token") }
}

const pause = (perSecond: number): Duration.Duration => Duration.millis(Math.max(10, 1000 / perSecond))

const frameOf = (number: number): Frame => {
  const bytes = new TextEncoder().encode(String(number))
  return { text: true, size: bytes.byteLength, bytes: () => bytes }
}
