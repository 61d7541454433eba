/**
 * The real program in a process of its own, run from source and ended with the test's scope. Waiting is for lines and exits, each
 * with a deadline that names what was waited for.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { vi } from "vitest"

/** The program, to be run from source. */
export const bin = fileURLToPath(new URL("../src/bin.ts", import.meta.url))
const deadline = "10 seconds"

// Longer than any one wait, so that the wait says what is missing.
vi.setConfig({ testTimeout: 20_000 })

/** A running program. */
export interface Program {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits until that is somewhere in what it wrote. */
  readonly wrote: (to: "stdout" | "stderr", what: RegExp) => Effect.Effect<void>
  /** Waits for `ready` on stdout. */
  readonly ready: Effect.Effect<void>
  /** The URL of a listener it printed. */
  readonly url: (name: string) => string
  /** Waits for its end; the signal's name when one killed it. */
  readonly exit: Effect.Effect<number | string>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Stops reading its stdout, as a pipe does whose reader went away. */
  readonly closeStdout: Effect.Effect<void>
}

/** Starts `holdfast` with these arguments and, of the environment, only these variables. */
export const start = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, ["--conditions=source", bin, ...args], {
          env: { PATH: process.env["PATH"], ...env },
          stdio: ["ignore", "pipe", "pipe"],
        })
        const written = { stdout: "", stderr: "" }
        const heard = new Set<() => void>()
        const tell = () => {
          for (const check of heard) check()
        }
        let ended: number | string | undefined
        for (const name of ["stdout", "stderr"] as const) {
          child[name].setEncoding("utf8").on("data", (text: string) => {
            written[name] += text
            tell()
          })
        }
        child.once("close", (code, signal) => {
          ended = code ?? signal ?? "?"
          tell()
        })
        return { child, written, heard, ended: () => ended }
      }),
      ({ child, ended }) =>
        Effect.callback<void>((resume) => {
          if (ended() !== undefined || child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        }),
    ),
    ({ child, ended, heard, written }) => {
      const until = <A>(what: string, get: () => A | undefined): Effect.Effect<A> =>
        Effect.callback<A>((resume) => {
          const check = () => {
            const found = get()
            if (found !== undefined) resume(Effect.succeed(found))
          }
          heard.add(check)
          check()
          return Effect.sync(() => heard.delete(check))
        }).pipe(
          Effect.timeoutOrElse({
            duration: deadline,
            orElse: () => Effect.die(new Error(`no ${what}; exit ${ended()}, wrote ${JSON.stringify(written)}`)),
          }),
        )
      const wrote = (to: "stdout" | "stderr", what: RegExp) =>
        Effect.asVoid(until(`${what} on ${to}`, () => what.exec(written[to]) ?? undefined))
      return {
        pid: child.pid!,
        stdout: () => written.stdout,
        stderr: () => written.stderr,
        wrote,
        ready: wrote("stdout", /^ready$/m),
        url: (name) => new RegExp(`^listening ${name} (\\S+)$`, "m").exec(written.stdout)?.[1] ?? "",
        exit: until("exit", ended),
        kill: (signal) => Effect.sync(() => child.kill(signal)),
        closeStdout: Effect.sync(() => child.stdout.destroy()),
      }
    },
  )

/** Everything about a program that ends by itself. */
export const ran = (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const program = yield* start(args, env)
    const code = yield* program.exit
    return { code, stdout: program.stdout(), stderr: program.stderr() }
  }).pipe(Effect.scoped)

/** A folder that goes with the test. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-cli-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)
