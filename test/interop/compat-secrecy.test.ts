import { assert, describe, it } from "@effect/vitest"
import { Telemetry } from "@holdfast/core"
import { Context, Effect, Fiber, Schedule } from "effect"
import { eventually } from "./kit/eventually.ts"
import { holdfast } from "./kit/holdfast.ts"
import { connect, upstream } from "./kit/peers.ts"
import { heard, session, sessionsOf, statusOf, talk } from "./kit/restartable.ts"

// Who knows an id has the session: nobody may learn one from what the proxy shows.

const chosen = "secret-id-37" // in base64 its hash has a slash
const given = "secret-id-of-the-upstream"
const named = { "x-connection-id": chosen }
const back = { "x-reconnect-id": chosen }

describe("compat: ids", () => {
  it.live("are shown only as a hash: in lists, receipts, events, metrics and hooks", () =>
    Effect.gen(function* () {
      const hooks: Array<unknown> = []
      const { client, join, peer, proxy, resumed, status, turned, up } = yield* session(
        {
          compat: "ws-reconnect-proxy",
          linger: "100 millis",
          backoff: Schedule.spaced("10 millis"),
          onLost: (loss) => Effect.sync(() => void hooks.push(loss)),
          onBack: (receipt) => Effect.sync(() => void hooks.push(receipt)),
        },
        named,
      )
      const shown: Array<unknown> = []
      const look = () => {
        const probes = [...Context.get(proxy.context, Telemetry.Telemetry).probes()]
        shown.push(...probes.map((probe) => [probe.row(), probe.detail?.()]), proxy.events(), proxy.metrics())
      }

      const other = yield* join()
      yield* other.peer.send(`RECONNECT {"reconnectId":"${given}"}`)
      assert.deepStrictEqual(yield* talk(other.client, other.peer), heard)
      assert.deepStrictEqual([yield* status(named), yield* status({ "x-reconnect-id": `${chosen}x` })], [409, 404])
      look()
      peer.ws.terminate()
      const again = yield* up.accepted
      assert.strictEqual(again.http.headers["x-connection-id"], chosen)
      assert.deepStrictEqual(yield* talk(client, again), heard)
      client.ws.terminate()
      yield* turned("ClientAway")
      look()
      const last = [yield* resumed(chosen), yield* resumed(given)]
      look()
      for (const { ws } of last) ws.terminate()
      yield* eventually(() => sessionsOf(proxy).length === 0)
      yield* proxy.close
      look()

      assert.isAbove(hooks.length, 3)
      assert.notInclude(JSON.stringify([shown, hooks]), "secret-id")
    }),
  )

  it.live("of two sessions have different hashes, and the same one in every proxy", () =>
    Effect.gen(function* () {
      const one = yield* session({ compat: "ws-reconnect-proxy" }, named)
      const two = yield* session({ compat: "ws-reconnect-proxy" }, named)
      yield* two.join({ "x-connection-id": given })
      const ids = sessionsOf(two.proxy).map(({ id }) => id)
      assert.strictEqual(new Set(ids).size, 2)
      assert.strictEqual(sessionsOf(one.proxy)[0]?.id, ids[0])
    }),
  )

  it.live("have hashes that are one segment of a path, as `/api/sessions/:id` takes it", () =>
    Effect.gen(function* () {
      const { join, proxy } = yield* session({ compat: "ws-reconnect-proxy" }, named)
      yield* join({ "x-connection-id": "secret-id-1" }) // with a plus
      for (const { id } of sessionsOf(proxy)) assert.strictEqual(encodeURIComponent(id), id)
    }),
  )

  it.live(
    "of the real program find a session on the admin port by the hash that is listed, and are not in its log",
    () =>
      Effect.gen(function* () {
        const up = yield* upstream()
        const flags = ["--compat", "ws-reconnect-proxy", "--log-level", "debug", "--log-format", "json"]
        const program = yield* holdfast("proxy", "--upstream", up.url, "--listen", "127.0.0.1:0", ...flags)
        let log = ""
        program.child.stderr.on("data", (chunk: Buffer) => (log += chunk))
        const admin = program.url("admin")
        const read = (path: string) =>
          Effect.promise(async () => {
            const answer = await fetch(`${admin}${path}`)
            return { status: answer.status, text: await answer.text() }
          })
        const events = yield* Effect.forkChild(firstReceipt(admin))
        const client = yield* connect(program.url("proxy"), [], { headers: named })
        const peer = yield* up.accepted
        client.ws.close(1001)
        assert.strictEqual(yield* statusOf(program.url("proxy"), named), 409)
        yield* Effect.repeat(read("/api/sessions"), { until: ({ text }) => text.includes("ClientAway") })
        const again = yield* connect(program.url("proxy"), [], { headers: back })
        assert.deepStrictEqual(yield* talk(again, peer), heard)

        const list = yield* read("/api/sessions")
        const [{ id, resumes }] = JSON.parse(list.text)
        assert.strictEqual(resumes, 1)
        const one = yield* read(`/api/sessions/${encodeURIComponent(id)}`)
        assert.strictEqual(one.status, 200)
        assert.strictEqual(JSON.parse(one.text).id, id)
        assert.strictEqual((yield* read(`/api/sessions/${chosen}`)).status, 404)
        yield* eventually(() => log.includes(`session ${id} client away`))
        const told = [list.text, one.text, (yield* read("/metrics")).text, yield* Fiber.join(events), log]
        assert.notInclude(told.join("\n"), "secret-id")
      }),
  )
})

// What the event stream says up to the first receipt.
const firstReceipt = (admin: string) =>
  Effect.promise(async (signal) => {
    const answer = await fetch(`${admin}/api/events`, { signal })
    let text = ""
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (/event: Receipt\n.*\n/.test(text)) return text
    }
    return text
  })
