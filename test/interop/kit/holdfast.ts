/**
 * The real `holdfast` program in a process of its own, run from source; ended with the test's scope.
 */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Deferred, Effect } from "effect"

const bin = fileURLToPath(new URL("../../../packages/cli/src/bin.ts", import.meta.url))

/** Starts it and waits for `ready`. */
export const holdfast = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["--conditions=source", bin, ...args], { stdio: ["ignore", "pipe", "pipe"] }),
    ),
    (running) =>
      Effect.callback<void>((resume) => {
        if (running.exitCode !== null || running.signalCode !== null) return resume(Effect.void)
        running.once("exit", () => resume(Effect.void))
        running.kill("SIGKILL")
      }),
  )
  const ready = yield* Deferred.make<void>()
  const urls = new Map<string, string>()
  let errors = ""
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk))
  child.once("exit", (code) => Deferred.doneUnsafe(ready, Effect.die(new Error(`exited with ${code}: ${errors}`))))
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [word, name, url] = line.split(" ")
    if (word === "listening" && name !== undefined && url !== undefined) urls.set(name, url)
    if (word === "ready") Deferred.doneUnsafe(ready, Effect.void)
  })
  yield* Deferred.await(ready)
  return {
    child,
    /** Where it listens, by the name of the listener. */
    url: (name: string) => urls.get(name) ?? "",
    /** Resident memory in MiB; Linux only. */
    rss: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024,
  }
})
