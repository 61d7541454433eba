/**
 * Platform file: the process this program is. Its environment, what its output goes to, the signals it gets and how it ends.
 * A reference, so that tests can be a process of their own.
 */
import { existsSync, readFileSync } from "node:fs"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/** Signals that a serving program hears. */
export interface Signals {
  /** Waits for the first SIGTERM or SIGINT. A second one ends the process at once with exit code 1. */
  readonly stop: Effect.Effect<string>
  /** Waits for a SIGHUP; several that nobody waited for count as one. */
  readonly hangUp: Effect.Effect<void>
}

/** What a program may know of its process and do with it. */
export interface Shape {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The version of what runs us. */
  readonly runtime: string
  /** stderr goes to a terminal that can move its cursor. */
  readonly terminal: boolean
  /** Colours are wanted on stderr. */
  readonly colors: boolean
  /** Writes to stdout: what a machine reads. */
  readonly out: (text: string) => void
  /** Writes to stderr: what a person reads; ends with a new line. */
  readonly err: (text: string) => void
  /** Shows one line below everything else on a terminal, instead of the one before; empty removes it. */
  readonly live: (line: string) => void
  /** Hears single keys of a terminal until the scope closes; `false` without one. Ctrl-C stays a signal. */
  readonly keys: (heard: (key: string) => void) => Effect.Effect<boolean, never, Scope.Scope>
  /** Hears signals until the scope closes. */
  readonly signals: (options: { readonly hangUp: boolean }) => Effect.Effect<Signals, never, Scope.Scope>
}

/** The process. */
export class Process extends Context.Reference<Shape>("holdfast/Process", { defaultValue: () => real() }) {}

/** Runs the program and ends the process with its exit code. What nobody caught is a bug: it is shown whole, and ends with 1. */
export const main = (program: Effect.Effect<number>): void => {
  // A reader that went away must not take the program with it.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
  Effect.runFork(program).addObserver((exit) => {
    if (Exit.isFailure(exit))
      process.stderr.write(`holdfast: this is a bug, please report it: ${Cause.pretty(exit.cause)}\n`)
    const code = Exit.isSuccess(exit) ? exit.value : 1
    process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))
  })
}

const real = (): Shape => {
  const { env } = process
  const terminal = process.stderr.isTTY === true && env["TERM"] !== "dumb"
  const clear = "\r\u001b[2K"
  let line = ""
  return {
    env,
    runtime: process.versions.node,
    terminal,
    colors: terminal && (env["NO_COLOR"] ?? "") === "",
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(line === "" ? text : `${clear}${text}${line}`),
    live: (next) => {
      if (!terminal || next === line) return
      line = next.slice(0, (process.stderr.columns || 80) - 1) // a wrapped line could not be rewritten
      process.stderr.write(`${clear}${line}`)
    },
    keys,
    signals,
  }
}

const keys = Effect.fnUntraced(function* (heard: (key: string) => void) {
  const { stdin } = process
  if (!stdin.isTTY || !isInForeground()) return false
  const onData = (data: Buffer) => {
    const text = data.toString()
    // Keys without a letter are sequences that begin with Escape.
    for (const key of text.startsWith("\u001b") ? [text] : text) {
      // In raw mode the terminal does not make a signal of it.
      if (key === "\u0003") process.kill(process.pid, "SIGINT")
      else heard(key)
    }
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => stdin.setRawMode(true).on("data", onData).resume()),
    () => Effect.sync(() => stdin.off("data", onData).setRawMode(false).pause()),
  )
  return true
})

// The system stops a process of the background that touches the terminal. Where nobody says, it is assumed to be in front.
const isInForeground = (): boolean => {
  const stat = "/proc/self/stat"
  const [, , group, , , front] = existsSync(stat)
    ? readFileSync(stat, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")
    : []
  return group === front
}

/** The same signal again within so many milliseconds is its echo. */
const echo = 100

const signals = Effect.fnUntraced(function* ({ hangUp }: { readonly hangUp: boolean }) {
  const stop = yield* Deferred.make<string>()
  const hangUps = yield* Queue.sliding<void>(1)
  const clock = yield* Clock.Clock
  let first: { readonly signal: string; readonly at: number } | undefined
  const onStop = (signal: string) => {
    const at = clock.currentTimeMillisUnsafe()
    // The terminal sends Ctrl-C to everybody, and npm passes its own on: that is one signal, not two.
    if (first !== undefined && signal === first.signal && at - first.at < echo) return
    if (first !== undefined) process.exit(1)
    first = { signal, at }
    Deferred.doneUnsafe(stop, Exit.succeed(signal))
  }
  const onHangUp = () => void Queue.offerUnsafe(hangUps, undefined)
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      process.on("SIGTERM", onStop).on("SIGINT", onStop)
      if (hangUp) process.on("SIGHUP", onHangUp)
    }),
    () => Effect.sync(() => process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", onHangUp)),
  )
  return { stop: Deferred.await(stop), hangUp: Queue.take(hangUps) } satisfies Signals
})
