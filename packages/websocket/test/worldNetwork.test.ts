import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Acceptor, type Upgrade } from "../src/Acceptor.ts"
import { Dialer } from "../src/Dialer.ts"
import * as Proxy from "../src/Proxy.ts"
import type { Headers } from "../src/Transport.ts"
import type { Answer } from "./world/clients.ts"
import { echo, type Reply } from "./world/upstream.ts"
import * as Network from "./world/network.ts"
import { textOf } from "./world/peer.ts"
import { simulated } from "./world/simulated.ts"

/** A network whose clients are handled by this instead of a proxy. */
const served = Effect.fnUntraced(function* (handle: (upgrade: Upgrade) => Effect.Effect<void, unknown, Scope.Scope>) {
  const network = yield* Network.make()
  const scope = yield* Effect.acquireRelease(Scope.make(), (it) => Scope.close(it, Exit.void))
  const { serve } = yield* Acceptor.pipe(Effect.provide(network.layer))
  const context = yield* Effect.context<Scope.Scope>()
  yield* Scope.provide(serve({ upgrade: (it) => Effect.orDie(Effect.provide(handle(it), context)) }), scope)
  return { network, stop: Scope.close(scope, Exit.void) }
})

const refused = (status: number, body: string, headers: Headers = {}): Answer => ({
  _tag: "Refused",
  status,
  headers: { "content-type": "text/plain; charset=utf-8", ...headers },
  body: `${body}\n`,
})

describe("a client", () => {
  it(
    "gets the answer's headers and subprotocol, and then what the proxy sends",
    simulated(
      Effect.fnUntraced(function* () {
        const { network } = yield* served((upgrade) =>
          Effect.map(upgrade.accept({ protocol: "b", headers: { "set-cookie": ["x", "y"] } }), (transport) => {
            transport.listen({ frame: (it) => void transport.send(it), writable: () => {}, closed: () => {} })
          }),
        )
        const answer = yield* network.dial({ path: "/chat?x=1", protocols: ["a", "b"] })
        if (answer._tag !== "Open") return assert.fail(answer._tag)
        const { peer } = answer
        peer.send("hello")
        yield* peer.has(1)
        assert.deepStrictEqual(
          [peer.protocol, peer.headers, peer.received.map(textOf)],
          ["b", { "set-cookie": ["x", "y"] }, ["hello"]],
        )
      }),
    ),
  )

  it(
    "is refused with the status of the handler, or of the door",
    simulated(
      Effect.fnUntraced(function* () {
        const { network, stop } = yield* served((upgrade) =>
          upgrade.path === "/no" ? upgrade.reject(403, "no", { a: "b" }) : Effect.void,
        )
        const later = { "retry-after": "1" }
        assert.deepStrictEqual(yield* network.dial({ path: "/no" }), refused(403, "no", { a: "b" }))
        assert.deepStrictEqual(yield* network.dial({ path: "/silent" }), refused(503, "shutting down", later))
        assert.deepStrictEqual(
          yield* network.dial({ path: "//elsewhere" }),
          refused(400, "the request target must not name a host"),
        )
        yield* stop
        assert.deepStrictEqual(yield* network.dial({ path: "/no" }), refused(503, "shutting down", later))
      }),
    ),
  )

  it(
    "that leaves before its answer interrupts the handler",
    simulated(
      Effect.fnUntraced(function* () {
        const told: Array<string> = []
        const { network } = yield* served(() =>
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => told.push("left"))),
        )
        const client = yield* Effect.forkChild(network.dial())
        yield* Effect.sleep(10)
        yield* Fiber.interrupt(client)
        assert.deepStrictEqual(told, [])
        yield* Effect.sleep(1)
        yield* Effect.sleep(0.5)
        assert.deepStrictEqual(told, ["left"])
      }),
    ),
  )

  it(
    "that has left without the handler's knowledge is gone after the 101",
    simulated(
      Effect.fnUntraced(function* () {
        const ends: Array<number> = []
        const { network } = yield* served((upgrade) =>
          Effect.flatMap(Effect.delay(upgrade.accept(), 2), ({ closed }) =>
            Effect.map(closed, ({ code }) => ends.push(code)),
          ),
        )
        const client = yield* Effect.forkChild(network.dial())
        yield* Effect.sleep(2.5)
        yield* Fiber.interrupt(client)
        yield* Effect.sleep(10)
        assert.deepStrictEqual(ends, [1006])
      }),
    ),
  )
})

describe("an upstream", () => {
  const dialled = Effect.fnUntraced(function* (network: Network.Network, protocols: ReadonlyArray<string> = []) {
    const { dial } = yield* Dialer.pipe(Effect.provide(network.layer))
    return yield* dial({ url: "ws://upstream/x?y", protocols, headers: { a: "b" } })
  })
  const outcomes: ReadonlyArray<readonly [what: string, reply: Reply, outcome: string]> = [
    ["refuses", { _tag: "Unreachable" }, "Unreachable ws://upstream cannot be reached (refused): it is refused"],
    [
      "answers with a status",
      { _tag: "Answer", status: 401, body: "who?" },
      "Refused ws://upstream refused the WebSocket with status 401",
    ],
    [
      "chooses a subprotocol that was not offered",
      { _tag: "Accept", protocol: "c" },
      'Unreachable ws://upstream cannot be reached (protocol): it chose the subprotocol "c", which was not offered',
    ],
    ["accepts", { _tag: "Accept", after: 50 }, "open after 54 ms, a"],
    ["does not answer", { _tag: "Silence" }, "nothing after 1000 ms"],
  ]
  for (const [what, reply, outcome] of outcomes) {
    it(
      `that ${what}`,
      simulated(
        Effect.fnUntraced(function* () {
          const network = yield* Network.make()
          network.upstream.reply = () => reply
          const told = yield* dialled(network, ["a", "b"]).pipe(
            Effect.map(({ protocol }) => `open after ${network.loop.now()} ms, ${protocol}`),
            Effect.catch(({ reason }) => Effect.succeed(`${reason._tag} ${reason.message}`)),
            Effect.timeoutOrElse({ duration: 1000, orElse: () => Effect.succeed("nothing after 1000 ms") }),
          )
          assert.strictEqual(told, outcome)
        }),
      ),
    )
  }

  it(
    "remembers its connections, may be down, and may lose all of them at once",
    simulated(
      Effect.fnUntraced(function* () {
        const network = yield* Network.make()
        const { upstream } = network
        const transports = [yield* dialled(network), yield* dialled(network)]
        upstream.down()
        assert.strictEqual((yield* Effect.flip(dialled(network))).reason._tag, "Unreachable")
        assert.deepStrictEqual(
          upstream.open.map(({ at, dial, request: { headers, url } }) => [dial, at, url, headers["a"]]),
          [
            [1, 3, "ws://upstream/x?y", "b"],
            [2, 7, "ws://upstream/x?y", "b"],
          ],
        )
        upstream.killAll({ proxy: 5 })
        const ends = yield* Effect.all(transports.map(({ closed }) => closed))
        assert.deepStrictEqual(
          [ends.map(({ code }) => code), upstream.open, upstream.dials.length],
          [[1006, 1006], [], 3],
        )
        upstream.up()
        assert.strictEqual((yield* dialled(network)).protocol, "")
      }),
    ),
  )
})

describe("a whole proxy", () => {
  it(
    "runs in this network",
    simulated(() =>
      Effect.gen(function* () {
        const network = yield* Network.make()
        network.upstream.behave = echo
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Layer.build(Proxy.layer({ upstream: "ws://upstream/base" }).pipe(Layer.provide(network.layer)))
            const answer = yield* network.dial({ path: "/chat", protocols: ["a"] })
            if (answer._tag !== "Open") return assert.fail(answer._tag)
            const { peer } = answer
            const words = Array.from({ length: 30 }, (_, at) => `message ${at}`)
            for (const word of words) peer.send(word)
            yield* peer.has(30)
            peer.close(4000, "bye")
            const [connection] = network.upstream.connections
            assert.deepStrictEqual(
              [connection?.request.url, peer.received.map(textOf), yield* connection!.peer.closed],
              ["ws://upstream/base/chat", words, { code: 4000, reason: "bye", clean: true }],
            )
          }),
        )
      }),
    ),
  )
})
