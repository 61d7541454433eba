import { assert, describe, it } from "@effect/vitest"
import { Dialect, type Words } from "../src/internal/dialect.ts"
import { Flow } from "../src/internal/flow.ts"
import { Outlet } from "../src/internal/outlet.ts"
import * as Payload from "../src/internal/payload.ts"
import * as Traffic from "../src/internal/traffic.ts"
import type { Frame } from "../src/Transport.ts"
import { FakeTransport, frame } from "./support/fakeTransport.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

const opened = (words: Partial<Words>) => {
  const wheel = new FakeWheel()
  const flow = () => {
    const [transport, marks] = [new FakeTransport(), { messages: 10, bytes: 1000 }]
    const made = new Flow({ marks, replay: false, traffic: Traffic.none(), onPressure: () => {} })
    made.attach(new Outlet(transport, wheel))
    return { made, sent: transport.sent }
  }
  const [up, down, told] = [flow(), flow(), [] as Array<string>]
  const memory = { kept: 0 }
  const dialect = new Dialect(
    { gate: false, compat: false, forward: false, ...words },
    {
      up: up.made,
      down: down.made,
      toClient: (it) => told.push(`to client: ${Payload.read(it)}`),
      toUpstream: (it) => told.push(`to upstream: ${Payload.read(it)}`),
      opened: () => told.push("opened"),
      kept: (change) => {
        memory.kept += change
      },
      named: (id) => told.push(`named ${id}`),
    },
  )
  const client = (text: string) => {
    if (dialect.client(frame(text))) up.made.push(frame(text))
  }
  const upstream = (text: string) => {
    if (dialect.upstream(frame(text))) down.made.push(frame(text))
  }
  return { dialect, client, upstream, up: up.sent, down: down.sent, told, memory }
}

const binary = (text: string): Frame => ({ ...frame(text), text: false })
const read = (frames: ReadonlyArray<Frame>) => frames.map(Payload.read)

describe("the first message as a gate", () => {
  it("lets the client's messages through, is kept and not passed on; the next ones are", () => {
    const { client, dialect, down, told, up, upstream } = opened({ gate: true })
    client("early")
    assert.deepStrictEqual([dialect.waits, up], [true, []])
    upstream("hello")
    upstream("hello")
    client("late")
    assert.deepStrictEqual([dialect.waits, up, down, told], [false, ["early", "late"], ["hello"], ["opened"]])
  })

  it("is passed on to a client that asked for it", () => {
    const { down, upstream } = opened({ gate: true, forward: true })
    upstream("hello")
    upstream("next")
    assert.deepStrictEqual(down, ["hello", "next"])
  })

  it("may be binary, and is kept without the read it came in", () => {
    const { dialect } = opened({ gate: true })
    const bytes = Buffer.from("hello and much more")
    dialect.upstream({ text: false, size: 5, bytes: () => bytes.subarray(0, 5) })
    bytes.fill(0)
    assert.deepStrictEqual(
      dialect.greeting().map(({ text }) => text),
      [false],
    )
    assert.deepStrictEqual(read(dialect.greeting()), ["hello"])
  })

  it("is what an upstream that is dialled again hears first; none, none", () => {
    const { dialect, memory, upstream } = opened({ gate: true })
    assert.deepStrictEqual([dialect.greeting(), memory.kept], [[], 0])
    upstream("hello")
    assert.strictEqual(memory.kept, 5)
    assert.deepStrictEqual(read(dialect.greeting()), ["hello"])
  })

  it("of an upstream that greets alike again is not passed on, another one is", () => {
    const { dialect, down, upstream } = opened({ gate: true })
    upstream("hello")
    dialect.greeting()
    upstream("hello")
    upstream("hello")
    dialect.greeting()
    upstream("welcome back")
    upstream("hello")
    assert.deepStrictEqual(down, ["hello", "welcome back", "hello"])
  })

  it("is still awaited from the next upstream when the first was lost before", () => {
    const { client, dialect, up, upstream } = opened({ gate: true })
    client("early")
    dialect.greeting()
    dialect.upstreamIsBack()
    assert.deepStrictEqual([dialect.waits, up], [true, []])
    upstream("hello")
    assert.deepStrictEqual(up, ["early"])
  })
})

describe("without gate and dialect", () => {
  it("nothing is understood", () => {
    const { client, down, told, up, upstream } = opened({})
    for (const text of ["PROXY_RESTART", "RECONNECT {}", "PROXY_LOCKED", ""]) {
      client(text)
      upstream(text)
    }
    assert.deepStrictEqual([up.length, down.length, told], [4, 4, []])
  })
})

describe("the words of ws-reconnect-proxy", () => {
  it("PROXY_RESTART of the upstream locks the way to it until it is back", () => {
    const { client, dialect, told, up, upstream } = opened({ compat: true })
    upstream("PROXY_RESTART")
    client("held")
    assert.deepStrictEqual([told, up], [["to upstream: PROXY_LOCKED"], []])
    dialect.upstreamIsBack()
    assert.deepStrictEqual(up, ["held"])
  })

  it("PROXY_RESTART of the client locks the way to it until it is back", () => {
    const { client, dialect, down, told, upstream } = opened({ compat: true })
    client("PROXY_RESTART")
    upstream("held")
    assert.deepStrictEqual([told, down], [["to client: PROXY_LOCKED"], []])
    dialect.clientIsBack()
    assert.deepStrictEqual(down, ["held"])
  })

  it("RECONNECT is kept, opens both ways, and may name the session", () => {
    const { client, dialect, down, memory, told, up, upstream } = opened({ compat: true })
    upstream("PROXY_RESTART")
    client("PROXY_RESTART")
    client("one")
    upstream("two")
    upstream('RECONNECT {"reconnectId":"r-1","connectionId":"c-1"}')
    assert.deepStrictEqual([up, down, told.at(-1)], [["one"], ["two"], "named r-1"])
    assert.deepStrictEqual(read(dialect.greeting()), ['RECONNECT {"reconnectId":"r-1","connectionId":"c-1"}'])
    upstream("RECONNECT {}")
    assert.deepStrictEqual([read(dialect.greeting()), memory.kept], [["RECONNECT {}"], 12])
  })

  it("RECONNECT names nothing when there is no id in it that can be one", () => {
    const { told, upstream } = opened({ compat: true })
    for (const info of [
      "",
      "no json",
      "[]",
      "null",
      '{"reconnectId":7}',
      '{"connectionId":""}',
      '{"reconnectId":"a b"}',
      "{",
    ]) {
      upstream(`RECONNECT ${info}`)
    }
    assert.deepStrictEqual(told, [])
    upstream(`RECONNECT {"reconnectId":"long","x":"${"x".repeat(20_000)}"}`)
    assert.deepStrictEqual(told, [])
    upstream('RECONNECT {"connectionId":"c-1","x":[1]}')
    assert.deepStrictEqual(told, ["named c-1"])
  })

  it("are words only as whole text messages", () => {
    const { dialect } = opened({ compat: true })
    assert.isTrue(dialect.upstream(binary("PROXY_RESTART")))
    assert.isTrue(dialect.upstream(binary("RECONNECT {}")))
    for (const text of ["PROXY_RESTART ", "PROXY_RESTAR", "RECONNECT", " RECONNECT {}", "reconnect {}", ""]) {
      assert.isTrue(dialect.upstream(frame(text)), text)
    }
    assert.isTrue(dialect.client(frame("RECONNECT {}")))
  })
})
