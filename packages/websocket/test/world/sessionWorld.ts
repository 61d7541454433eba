/**
 * Plays a plan against the whole proxy in the simulator, heals the world, demands progress, ends it, and says which promises were
 * broken. The numbers are those of the promises:
 *
 * 1 order, 2 no duplicates, 3 nothing lost in silence, 4 receipts, 5 barriers, 6 bounds, 7 dials, 8 ends and leaks, 9 resumes,
 * 10 counters, 11 close codes, 12 heartbeats.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Events from "@holdfast/core/Events"
import * as Telemetry from "@holdfast/core/Telemetry"
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import { Acceptor } from "../../src/Acceptor.ts"
import { Dialer } from "../../src/Dialer.ts"
import * as Proxy from "../../src/Proxy.ts"
import * as Network from "./network.ts"
import * as Account from "./sessionAccount.ts"
import { Book } from "./sessionBook.ts"
import { gateTimeout, handshakeTimeout } from "./sessionCauses.ts"
import * as Deadlines from "./sessionDeadlines.ts"
import type { Chat, Line } from "./sessionModel.ts"
import type { Plan } from "./sessionPlan.ts"
import * as Stage from "./sessionStage.ts"
import { played } from "./simulated.ts"

/** The whole story; what was wrong is in the answer. */
export const story = (plan: Plan) =>
  Effect.gen(function* () {
    const network = yield* Network.make({
      settings: (hop) => {
        const { readAhead, resets, ...path } = plan[hop]
        return { up: path, down: path, proxy: { readAhead, resets }, peer: { resets } }
      },
    })
    const book = new Book(plan, network)
    const stage = yield* Stage.make(book)
    const scope = yield* Effect.acquireRelease(Scope.make(), (it) => Scope.close(it, Exit.void))
    yield* Layer.buildWithScope(proxy(book), scope)
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.delay(
          Effect.sync(() => Deadlines.look(book)),
          Deadlines.every,
        ),
      ),
    )

    const close = Effect.gen(function* () {
      book.closingSince = book.now()
      const sessions = [...book.chats.values()].filter((chat) => book.row(chat) !== undefined).length
      yield* Scope.close(scope, Exit.void)
      const took = book.now() - book.closingSince
      book.expect(sessions > 0 || took === 0, () => `8: the drain of nothing took ${took} ms`)
      book.expect(took <= plan.drainTimeout + 1000, () => `8: the drain took ${took} ms`)
    })

    yield* stage.enter(stage.quiet)
    yield* stage.enter(stage.wild)
    for (const [index, { deed, wait }] of plan.deeds.entries()) {
      if (wait > 0) yield* Effect.sleep(wait)
      if (index % 4 === 0) for (const by of ["client", "upstream"] as const) stage.say(stage.quiet, by, 1, 100)
      if (deed._tag !== "Shutdown") stage.act(deed)
      else if (!book.draining()) yield* Effect.forkScoped(close)
    }

    yield* heal(book, stage)
    if (!book.draining()) yield* end(book, stage)
    if (!book.draining()) yield* close
    else yield* Effect.sleep(plan.drainTimeout + 1100)
    yield* Effect.sleep(1) // a socket that was cut says so in the next turn
    Account.final(book)
    yield* Effect.sleep("1 minute") // beyond every close timer
    for (const wire of [...network.wires.client, ...network.wires.upstream]) {
      const left = wire.proxy.readyState === 1 || wire.proxy.readyState === 2
      book.expect(!left, () => "8: a connection of the proxy is left open")
    }
    return book.wrong
  })

const proxy = (book: Book) => {
  const { network, plan } = book
  const acceptor = Layer.effect(
    Acceptor,
    Effect.map(Acceptor, (it) => ({ ...it, serve: book.serve(it.serve) })),
  ).pipe(Layer.provide(network.layer))
  const hub = { emit: (event: Events.Event) => heard(book, event), after: () => Effect.never, history: () => [] }
  const world = Layer.mergeAll(
    acceptor,
    Layer.succeed(Dialer, { dial: book.dial }),
    Layer.succeed(Events.Events, { ...hub, track: () => () => {} }),
    Layer.succeed(Telemetry.Telemetry, book.telemetry),
  )
  const { mode = "session" } = plan
  return Proxy.layer({
    ...(mode === "session" ? { mode, linger: plan.linger } : mode === "sender" ? { mode } : { mode: "receiver" }),
    ...(mode === "perConnection" ? { perConnection: true } : {}),
    upstream: "ws://upstream",
    handshakeTimeout,
    onUpstreamLoss: plan.onUpstreamLoss,
    backoff: Backoff.full({ baseDelay: 500, multiplier: 1.5, maxDelay: 800 }),
    upstreamRetryBudget: plan.retryBudget,
    uncertain: plan.uncertain,
    upstreamHandshake: plan.gate === null ? "none" : "first-message",
    gateTimeout,
    bufferMessages: plan.bufferMessages,
    bufferBytes: plan.bufferBytes,
    stallTimeout: plan.stallTimeout,
    heartbeat: plan.heartbeat,
    heartbeatTimeout: plan.heartbeatTimeout,
    memory: plan.memory,
    drainTimeout: plan.drainTimeout,
  }).pipe(Layer.provide(world))
}

const heard = (book: Book, event: Events.Event) => {
  if (event._tag === "Receipt") book.receipt(event as typeof Proxy.Receipt.Type) // its tag says so
}

/** The faults are over: who can come back does, and then what is said arrives. */
const heal = Effect.fnUntraced(function* (book: Book, stage: Stage.Stage) {
  const { plan } = book
  const { wild } = stage
  stage.heal()
  // What is frozen is found out, by heartbeats.
  const frozen = book.lines.some(({ frozenAt, state }) => frozenAt !== undefined && state === "current")
  if (frozen) yield* Effect.sleep(plan.heartbeat + 2 * plan.heartbeatTimeout + 100)
  yield* Effect.sleep(250) // what is cut is found out by then
  for (const user of [stage.quiet, wild]) {
    const { chat } = user
    if (chat === undefined || book.draining() || book.isClosing(chat)) continue
    const line = stage.line(user, "client")
    if (plan.mode !== "sender" && (line?.state !== "current" || user.peer?.isOpen !== true)) {
      const welcome = book.verdict({ "x-reconnect-id": chat.id, "x-resume-token": user.tokens.at(-1)! }) === "accept"
      yield* stage.comeBack(user)
      if (user.chat !== chat) continue
      const back = stage.line(user, "client")?.state === "current"
      if (welcome && !book.draining() && plan.memory > 1e6)
        book.expect(back || book.isClosing(chat), () => `9: ${user.name} is not let in again`)
    }
    for (const by of ["client", "upstream"] as const) yield* arrives(book, stage, user, chat, by)
  }
})

/** One message more, and everything before it, arrives, unless the session has good reasons to end. */
const arrives = Effect.fnUntraced(function* (
  book: Book,
  stage: Stage.Stage,
  user: Stage.User,
  chat: Chat,
  by: "client" | "upstream",
) {
  const { plan } = book
  // An upstream for everybody is never given up, though its gate never comes in time.
  const hopeless = plan.mode === "receiver" && (plan.gate ?? 0) > gateTimeout
  const over = () => hopeless || book.draining() || book.isClosing(chat)
  let [said, on]: [string | undefined, Line | undefined] = [undefined, undefined]
  let [patience, progress] = [24, ""]
  for (let tries = 0; patience-- > 0 && tries < 400 && !over(); tries++) {
    const now = chat.lines
      .map(({ confirmed, from, next, wire }) => [next, confirmed, from.accepted, wire?.proxy.unsentBytes])
      .join()
    // What was not read could not be found dead before.
    const frozen = chat.lines.some(({ frozenAt, state }) => frozenAt !== undefined && state === "current")
    if (now !== progress || frozen) patience = 24
    if (plan.mode !== "sender" && stage.line(user, "client")?.state !== "current") yield* stage.comeBack(user)
    progress = now
    const there = by === "client" ? "upstream" : "client"
    const way = chat.way(there)
    // What it was said on may have been dead already.
    const seq = said === undefined ? undefined : way.numberOf(said, 0)
    const gone = seq !== undefined && chat.reported[there].some(([first, last]) => first <= seq && seq <= last)
    if ((seq === undefined && on?.state !== "current") || (gone && plan.uncertain !== "replay")) said = undefined
    if (said === undefined) {
      on = stage.line(user, by)
      if (on?.state === "current") [said] = stage.say(user, by, 1, 100)
    }
    const number = said === undefined ? undefined : way.numberOf(said, 0)
    if (number !== undefined && chat.lines.some(({ confirmed, hop }) => hop === there && confirmed >= number)) return
    yield* Effect.sleep(tries < 10 && !frozen ? 20 : 250)
  }
  book.expect(over(), () => `0: ${said ?? "a message"} of the ${by} of ${chat.id} does not arrive`)
})

/** Somebody says goodbye, and both sides hear it. */
const end = Effect.fnUntraced(function* (book: Book, stage: Stage.Stage) {
  const { plan } = book
  const { chat } = stage.wild
  if (chat === undefined || plan.ending === "proxy closes" || plan.mode === "receiver" || book.isClosing(chat)) return
  if (chat.isShared && plan.ending === "client closes") return
  const by = plan.ending === "client closes" ? "client" : "upstream"
  const [line, other] = [stage.line(stage.wild, by), chat.current(by === "client" ? "upstream" : "client")]
  if (line?.state !== "current" || line.peer?.isOpen !== true || other?.wire?.proxy.readyState !== 1) return
  line.peer.close(4000, "the end")
  yield* Effect.sleep(1500)
  const told = other.peer?.ended
  const is = told === undefined ? "nothing" : `${told.code} ${told.reason}`
  book.expect(
    is === "4000 the end" || (other.state === "ended" && is === "1006 "),
    () => `11: ${other.name} is told ${is} by ${line.name} at its end`,
  )
  book.expect(book.row(chat) === undefined, () => `8: ${chat.id} is still listed after its end`)
  const token = stage.wild.tokens.at(-1)
  if (token === undefined || plan.mode !== undefined) return
  const answer = yield* book.network.dial({ headers: { "x-reconnect-id": chat.id, "x-resume-token": token } })
  book.expect(answer._tag === "Refused" && answer.status === 404, () => `9: a token of the past opens ${answer._tag}`)
})

/** Runs it once. */
export const run = (plan: Plan): ReadonlyArray<string> =>
  played(Effect.provide(story(plan), Logger.layer([])), {
    seed: plan.seed,
    preempt: plan.preempt,
    atMost: "10 minutes",
    maxSteps: 500_000,
  })
