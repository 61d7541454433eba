/**
 * A small program over `effect/socket`, written once: a client that asks one question after the other until each is answered, over a
 * connection that it opens again when it is lost or silent, and the server that answers. What became of it is a story of a few words.
 */
import { Duration, Effect, Exit, Queue, Scope } from "effect"
import type { Socket, SocketError } from "effect/socket/Socket"

/** What becomes of all questions. */
export interface Story {
  readonly answers: ReadonlyArray<number>
  /** What went wrong, each kind once, in the order of its first time. */
  readonly mishaps: ReadonlyArray<Mishap>
  /** Whether an answer took longer than it does when all is well. */
  readonly slow: boolean
}

/** What becomes of an attempt that is not answered. */
export type Mishap = "refused" | "ended" | "broken" | "silent"

/** Bugs that such a program may have. */
export interface Bugs {
  /** It waits for an answer for ever. */
  readonly patient?: boolean
  /** It does not ask again what was not answered. */
  readonly forgetful?: boolean
  /** It believes the first dial that fails. */
  readonly faint?: boolean
}

/** Gives back what it is sent. */
export const answer = (socket: Socket): Effect.Effect<never, SocketError> =>
  Effect.gen(function* () {
    const { pull } = yield* socket.reader
    const { writeAll } = yield* socket.writer
    while (true) yield* writeAll(yield* pull)
  }).pipe(Effect.scoped)

/** Asks until all is answered. */
export const ask = Effect.fnUntraced(function* (
  dial: Effect.Effect<Socket>,
  { faint = false, forgetful = false, patient = false }: Bugs = {},
): Effect.fn.Return<Story> {
  const answers: Array<number> = []
  const mishaps = new Set<Mishap>()
  let slow = false
  let session: Session | undefined
  const attempt = Effect.fnUntraced(function* (question: number) {
    session ??= yield* open(dial)
    yield* session.say(String(question))
    return Number(yield* session.hear)
  })
  const hangUp = Effect.suspend(() => {
    const closing = session?.close ?? Effect.void
    session = undefined
    return closing
  })
  let question = 1
  while (question <= questions) {
    if (faint && mishaps.has("refused")) break
    const trying = attempt(question).pipe(
      Effect.timeoutOrElse({
        duration: patient ? "1 hour" : "700 millis",
        orElse: () => Effect.fail("silent" as const),
      }),
    )
    const [time, exit] = yield* Effect.timed(Effect.result(trying))
    if (exit._tag === "Success" || forgetful) question++
    if (exit._tag === "Success") answers.push(exit.success)
    else {
      mishaps.add(exit.failure === "silent" ? "silent" : mishapOf[exit.failure.reason._tag])
      yield* hangUp
    }
    if (exit._tag === "Success" && Duration.toMillis(time) > 250) slow = true
    yield* Effect.sleep("25 millis")
  }
  yield* hangUp
  return { answers, mishaps: [...mishaps], slow }
})

/** The verdict: every question is answered, in its order; some are not; or it has not come to an end. */
export const verdict = (story: Story | undefined): "fine" | "lost" | "stuck" =>
  story === undefined ? "stuck" : story.answers.join() === all.join() ? "fine" : "lost"

const questions = 10

/** What comes of it when all are answered. */
export const all: ReadonlyArray<number> = Array.from({ length: questions }, (_, at) => at + 1)

const mishapOf = {
  SocketOpenError: "refused",
  SocketCloseError: "ended",
  SocketReadError: "broken",
  SocketWriteError: "broken",
  SocketUpgradeError: "broken",
} as const

interface Session {
  readonly say: (line: string) => Effect.Effect<void, SocketError>
  /** The next line, or what became of the connection. */
  readonly hear: Effect.Effect<string, SocketError>
  readonly close: Effect.Effect<void>
}

// It reads all the time, as programs do: of a connection that has ended meanwhile `write` would not tell.
const open = Effect.fnUntraced(function* (dial: Effect.Effect<Socket>): Effect.fn.Return<Session, SocketError> {
  const scope = yield* Scope.make()
  const close = Scope.close(scope, Exit.void)
  const lines = yield* Queue.unbounded<string, SocketError>()
  const socket = yield* dial
  const { pull } = yield* socket.reader.pipe(
    Scope.provide(scope),
    Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : close)),
  )
  const { write } = yield* Scope.provide(socket.writer, scope)
  const read = Effect.gen(function* () {
    let heard = ""
    while (true) {
      for (const bytes of yield* pull) heard += typeof bytes === "string" ? bytes : Buffer.from(bytes).toString()
      const whole = heard.split("\n")
      heard = whole.pop() ?? ""
      yield* Queue.offerAll(lines, whole)
    }
  })
  yield* Effect.forkIn(
    Effect.catch(read, (error) => Queue.fail(lines, error)),
    scope,
  )
  const lost = Effect.suspend(() => (lines.state._tag === "Open" ? Effect.void : Effect.asVoid(Queue.take(lines))))
  return { say: (line) => Effect.andThen(lost, write(`${line}\n`)), hear: Queue.take(lines), close }
})
