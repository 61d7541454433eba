/**
 * A client that comes back to its session and loses nothing: correct without a bug, wrong in one way with one.
 */
import { History, type VirtualNetwork } from "@holdfast/testing"
import { Clock, Deferred, Effect, Fiber, Latch, Option, Queue, Random, Schema } from "effect"
import type { Bug } from "./bugs.ts"
import { FromClient, FromServer } from "./server.ts"

/** Delay before the `n`-th dial in a row that follows a failure, from 0. */
export const delay = (n: number): number => Math.min(250 * 2 ** n, 4000)
/** Connections that live shorter than this do not count as a success. */
export const stable = 3000
/** How many messages it holds. */
export const room = 4

/** How a connection ended. */
interface End {
  readonly code: number
  readonly reason: string
}

type Event =
  | { readonly _tag: "open" }
  | { readonly _tag: "pong" }
  | { readonly _tag: "closed"; readonly end: End }
  | typeof FromServer.Type

const read = Schema.decodeUnknownSync(FromServer)
const write = Schema.encodeSync(FromClient)
const lost: End = { code: 1006, reason: "" }

/** Stays connected until the server says goodbye or the scope closes. */
export const make = Effect.fnUntraced(function* (dial: VirtualNetwork.WebSocketDial, bug?: Bug) {
  const log = yield* History.writer
  const over = yield* Deferred.make<End>()
  const empty = yield* Latch.make(true)
  const spacious = yield* Latch.make(true)
  let outbox: ReadonlyArray<{ readonly seq: number; readonly id: string; sent: boolean }> = []
  let socket: VirtualNetwork.WebSocketLike | undefined
  let session = `s${yield* Random.nextIntBetween(0, 1e9)}`
  let [sent, got, failures, dials, before] = [0, 0, 0, 0, 0]
  let first: End | undefined
  let beat: Fiber.Fiber<unknown> | undefined

  const held = () => outbox.filter(({ seq }) => seq > before || bug !== "boundsNewOnly").length
  const isFull = () => held() >= room && !(bug === "hoardsWhileAway" && socket === undefined)
  const keep = (messages: typeof outbox) => {
    if (messages.length !== outbox.length) log.state("buffer", "outbox", { messages: messages.length })
    outbox = messages
    if (isFull()) spacious.closeUnsafe()
    else spacious.openUnsafe()
    if (outbox.length > 0) empty.closeUnsafe()
    else empty.openUnsafe()
  }
  const flush = (messages = outbox) => {
    for (const message of messages) {
      if (message.sent || socket?.readyState !== 1) continue
      message.sent = true
      socket.send(write({ _tag: "message", seq: message.seq, id: message.id }))
    }
    keep(bug === "forgetsOnSend" ? outbox.filter(({ sent }) => !sent) : outbox)
  }

  const send = Effect.fnUntraced(function* (id: string) {
    if (bug === "dropsWhileAway" && socket === undefined) return
    // Another one may have taken the room that was left.
    while (isFull()) yield* spacious.await
    keep([...outbox, { seq: ++sent, id, sent: false }])
    flush(bug === "overtakes" ? outbox.slice(-1) : outbox)
  })

  const events = (open: VirtualNetwork.WebSocketLike) =>
    Effect.map(Queue.unbounded<Event>(), (queue) => {
      const put = (event: Event) => void Queue.offerUnsafe(queue, event)
      open.on("open", () => put({ _tag: "open" }))
      open.on("pong", () => put({ _tag: "pong" }))
      open.on("message", (data) => put(read(String(data))))
      open.on("error", () => {})
      open.on("close", (code, reason) => put({ _tag: "closed", end: { code, reason: String(reason) } }))
      return queue
    })

  /** From the dial to the end; tells how it ended. */
  const connection = Effect.gen(function* () {
    dials++
    const mine = dial("ws://server", [], { headers: {} })
    const inbox = yield* events(mine)
    const next = (silence: number) =>
      Effect.map(
        Effect.timeoutOption(Queue.take(inbox), bug === "ignoresSilence" ? "1 hour" : silence),
        Option.getOrElse((): Event => ({ _tag: "closed", end: lost })),
      )
    let welcome = yield* next(2000)
    if (welcome._tag === "open") {
      if (bug === "startsOver") session += "'"
      mine.send(write({ _tag: "hello", session, got: bug === "skipsOne" && got > 0 ? got + 1 : got }))
      if (bug === "resendsTwice") for (const { id, seq } of outbox) mine.send(write({ _tag: "message", seq, id }))
      welcome = yield* next(2000)
    } else if (bug === "leavesSocket") return lost
    yield* Effect.addFinalizer(() => Effect.sync(() => mine.terminate()))
    if (welcome._tag !== "welcome") return welcome._tag === "closed" ? welcome.end : lost

    const { got: confirmed } = welcome
    before = sent
    const since = yield* Clock.currentTimeMillis
    if (bug === "resetsTooSoon") failures = 0
    keep(outbox.filter(({ seq }) => seq > confirmed || bug === "resendsAll"))
    if (bug === "dropsInFlight") keep(outbox.filter(({ sent }) => !sent))
    for (const message of outbox) message.sent = false
    if (bug === "resendsBackwards") outbox = outbox.toReversed()
    socket = mine
    if (bug === "overtakes") yield* Effect.sleep("100 millis")
    flush()

    const heartbeat = Effect.forever(
      Effect.delay(
        Effect.sync(() => mine.ping()),
        "1 second",
      ),
    )
    if (bug === "leavesHeartbeat") beat = yield* Effect.forkDetach(heartbeat)
    else yield* Effect.forkScoped(heartbeat)
    while (true) {
      const event = yield* next(2500)
      if (event._tag === "closed") {
        const now = yield* Clock.currentTimeMillis
        if (now - since >= stable && bug !== "neverResets") failures = 0
        return event.end
      }
      if (event._tag === "got") keep(outbox.filter(({ seq }) => seq > event.seq))
      if (event._tag === "message") {
        got = event.seq
        log.seen("pushed", event.id)
        mine.send(write({ _tag: "got", seq: event.seq }))
      }
    }
  }).pipe(Effect.ensuring(Effect.sync(() => (socket = undefined))), Effect.scoped)

  const stay: Effect.Effect<void> = Effect.gen(function* () {
    while (true) {
      const end = yield* connection
      // Only 4000 and above are the application's own goodbyes.
      first ??= end
      if (end.code >= 4000 && !(bug === "ignoresGoodbye" && dials > 1)) {
        if (beat !== undefined) yield* Fiber.interrupt(beat)
        yield* Deferred.succeed(over, bug === "losesCode" ? first : end)
        return
      }
      if (bug === "dialsTwice" && failures > 0) yield* Effect.forkChild(connection)
      if (bug !== "hotLoop") yield* Effect.sleep(delay(failures))
      failures++
    }
  })

  yield* Effect.forkScoped(stay)
  return { send, flushed: empty.await, over: Deferred.await(over) }
})
