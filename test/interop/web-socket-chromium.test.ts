import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { chromium } from "playwright-core"
import { bundle } from "./kit/bundle.ts"
import { browser, found, pageOf } from "./kit/chromium.ts"
import { holdfast } from "./kit/holdfast.ts"
import { restartable } from "./kit/restartable.ts"

/** What the page has to tell. */
interface Told {
  readonly events: ReadonlyArray<string>
  readonly messages: ReadonlyArray<string>
}

/** Sends a number every few milliseconds, greets every session, and writes down what it is told. */
const html = (code: string, url: string) => `<!doctype html><title>page</title><script type="module">
import { WebSocket } from ${JSON.stringify(`data:text/javascript,${encodeURIComponent(code)}`)}
const socket = new WebSocket(${JSON.stringify(url)}, [], { backoff: { baseDelay: "20 millis", maxDelay: "100 millis" } })
window.told = { events: [], messages: [] }
window.socket = socket
for (const type of ["open", "away", "back", "error", "close"]) {
  socket.addEventListener(type, (event) => told.events.push(event.code ? type + " " + event.code : type))
}
let sessions = 0
let next = 0
socket.onopen = () => socket.send("hello " + ++sessions)
socket.onmessage = ({ data }) => told.messages.push(data)
setInterval(() => { if (socket.readyState < 2) socket.send("" + ++next) }, 5)
</script>`

/** The upstream: numbers what it sends to everybody, and writes down what it hears. */
const upstream = Effect.gen(function* () {
  const up = yield* restartable
  const heard: Array<string> = []
  let next = 0
  up.server.on("connection", (ws) => ws.on("message", (data) => heard.push(`${data}`)))
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.andThen(
        Effect.sync(() => {
          if (up.server.clients.size > 0) next++
          for (const ws of up.server.clients) ws.send(`${next}`)
        }),
        Effect.sleep("5 millis"),
      ),
    ),
  )
  return { ...up, heard }
})

const increasing = (all: ReadonlyArray<string>) => all.every((one, at) => at === 0 || Number(one) > Number(all[at - 1]))

describe.skipIf(!found)("the drop-in class in Chromium, behind the proxy", () => {
  it.live(
    "goes on when the upstream and the proxy are killed and come back: in order, nothing twice",
    () =>
      Effect.gen(function* () {
        const up = yield* upstream
        const proxy = Effect.fnUntraced(function* (listen: string) {
          const scope = yield* Scope.fork(yield* Effect.scope)
          const program = yield* Scope.provide(
            holdfast("proxy", "--upstream", up.url, "--listen", listen, "--admin", "off", "--log-level", "error"),
            scope,
          )
          return { url: program.url("proxy"), kill: Scope.close(scope, Exit.void) }
        })
        const first = yield* proxy("127.0.0.1:0")
        const { host } = new URL(first.url)
        const { code } = yield* Effect.promise(bundle)
        const url = yield* pageOf(html(code, first.url))
        const devtools = yield* browser
        const driven = yield* Effect.acquireRelease(
          Effect.promise(() => chromium.connectOverCDP(devtools.origin + devtools.path)),
          (open) => Effect.promise(() => open.close()),
        )
        const tab = yield* Effect.promise(() => driven.newPage())
        yield* Effect.promise(() => tab.goto(url))
        const told = Effect.promise(() => tab.evaluate<Told>("window.told"))
        /** Both hear each other, for as long as 20 more messages take. */
        const flows = Effect.gen(function* () {
          const [heard, received] = [up.heard.length, (yield* told).messages.length]
          while (up.heard.length < heard + 20 || (yield* told).messages.length < received + 20) {
            yield* Effect.sleep("10 millis")
          }
        })

        yield* flows
        up.leave()
        yield* Effect.sleep("200 millis")
        up.comeBack()
        yield* flows
        assert.deepStrictEqual((yield* told).events, ["open"]) // the page does not even notice
        yield* first.kill
        yield* Effect.sleep("200 millis")
        const second = yield* proxy(host)
        yield* flows
        yield* second.kill
        up.leave()
        yield* Effect.sleep("200 millis")
        up.comeBack()
        yield* proxy(host)
        yield* flows
        yield* Effect.promise(() => tab.evaluate("window.socket.close(1000)"))
        while ((yield* told).events.at(-1) !== "close 1000") yield* Effect.sleep("10 millis")

        const { events, messages } = yield* told
        const again = ["away 1006", "back", "open"]
        assert.deepStrictEqual(events, ["open", ...again, ...again, "close 1000"])
        assert.isTrue(increasing(messages), `${messages}`)
        const [greetings, numbers] = [
          up.heard.filter((one) => one.startsWith("hello")),
          up.heard.filter((one) => !one.startsWith("hello")),
        ]
        assert.isTrue(increasing(numbers), `${numbers}`)
        assert.deepStrictEqual(greetings, ["hello 1", "hello 2", "hello 3"])
      }),
    60_000,
  )
})
