import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { eventually } from "./kit/eventually.ts"
import { connect } from "./kit/peers.ts"
import { proxied } from "./kit/proxied.ts"
import { receiptsOf } from "./kit/sessions.ts"

const script = fileURLToPath(new URL("./kit/counting.ts", import.meta.url))

/** A server of its own process, and what it writes down; killed with the test at the latest. */
const counting = Effect.fnUntraced(function* (port: number, heard: Array<number>) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [script, `${port}`], { stdio: ["pipe", "pipe", "inherit"] })),
    (it) => Effect.sync(() => it.kill("SIGKILL")),
  )
  const bound = yield* Effect.callback<number>((resume) => {
    createInterface(child.stdout).on("line", (line) => {
      const [word, number] = line.split(" ")
      if (word === "port") resume(Effect.succeed(Number(number)))
      else heard.push(Number(word))
    })
  })
  return { child, port: bound }
})

/** All that it has written is read by then. */
const killed = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    child.once("close", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

describe("an upstream process that is killed with SIGKILL and started again, under traffic", () => {
  it.live(
    "gets every message once and in order, but those that a receipt calls uncertain",
    () =>
      Effect.gen(function* () {
        const heard: Array<number> = []
        let up = yield* counting(0, heard)
        const proxy = yield* proxied({ upstream: `ws://127.0.0.1:${up.port}`, upstreamRetryBudget: "1 minute" })
        const client = yield* connect(proxy.url)
        let sent = 0
        const send = Effect.sync(() => {
          for (let at = 0; at < 40; at++) client.ws.send(`${++sent}`)
        })
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(send, Effect.sleep("4 millis"))))
        for (let round = 0; round < 5; round++) {
          const before = heard.length
          yield* eventually(() => heard.length > before + 500)
          yield* killed(up.child)
          up = yield* counting(up.port, heard)
        }
        yield* eventually(() => receiptsOf(proxy).length === 5)
        const last = sent
        yield* eventually(() => (heard.at(-1) ?? 0) > last)

        heard.forEach((number, at) => at > 0 && assert.isAbove(number, heard[at - 1]!))
        const ranges = receiptsOf(proxy).map(({ range }) => range)
        const reported = (number: number) =>
          ranges.some((range) => range !== null && number >= range[0] && number <= range[1])
        const arrived = new Set(heard)
        for (let number = 1; number < heard.at(-1)!; number++) {
          if (!arrived.has(number)) assert.isTrue(reported(number), `${number} is missing, and no receipt says so`)
        }
      }),
    { timeout: 60_000 },
  )
})
