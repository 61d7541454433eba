import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Schema } from "effect"
import * as Values from "../src/internal/values.ts"

// Each text with what it becomes, written back; `undefined` when it is refused.
const read = <A>(kind: Values.Kind<A>, raws: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  raws.map((raw) => {
    const value = Schema.decodeUnknownOption(kind.schema)(raw)
    return Option.isSome(value) ? Schema.encodeSync(kind.schema)(value.value) : undefined
  })

describe("durations", () => {
  it("have a number and a unit, and are written back the shortest way", () =>
    assert.deepStrictEqual(
      read(Values.duration("from 0"), ["250ms", "10s", "5m", "1h", "2d", "1.5s", "0s", "60s", "90m", "24d"]),
      ["250ms", "10s", "5m", "1h", "48h", "1500ms", "0s", "1m", "90m", "576h"],
    ))

  it("are exact to the millisecond", () => {
    const decode = Schema.decodeUnknownSync(Values.duration("from 0").schema)
    assert.deepStrictEqual(
      ["10s", "5m", "1.5s"].map((text) => Duration.toMillis(decode(text))),
      [10_000, 300_000, 1500],
    )
  })

  it("need a unit, are never negative and never longer than a timer can wait", () =>
    assert.deepStrictEqual(
      read(Values.duration("from 0"), [
        "10",
        10,
        "-1s",
        "10 s",
        "10 parsecs",
        "",
        "s",
        "25d",
        "0.0001ms",
        true,
        "1e3s",
      ]),
      Array.from({ length: 11 }, () => undefined),
    ))

  it("may have to be above 0", () =>
    assert.deepStrictEqual(read(Values.duration("above 0"), ["0s", "1ms"]), [undefined, "1ms"]))
})

describe("spans", () => {
  it("are two durations, the shorter one first", () =>
    assert.deepStrictEqual(read(Values.span, ["100ms..5s", "1s..1s", "0.5s..1m"]), [
      "100ms..5s",
      "1s..1s",
      "500ms..1m",
    ]))

  it("are nothing else, and never begin with 0", () =>
    assert.deepStrictEqual(
      read(Values.span, [
        "5s..1s",
        "0s..1s",
        "1s",
        "1s..",
        "..1s",
        "1s...2s",
        "1s..2s..3s",
        "1s..25d",
        "1..2",
        1,
        true,
      ]),
      Array.from({ length: 11 }, () => undefined),
    ))
})

describe("sizes", () => {
  it("have a binary unit or are bytes", () =>
    assert.deepStrictEqual(read(Values.size, ["64KiB", "16MiB", "1GiB", "1024", 1024, "1B"]), [
      "64KiB",
      "16MiB",
      "1GiB",
      "1KiB",
      "1KiB",
      "1B",
    ]))

  it("are nothing else, and never 0", () =>
    assert.deepStrictEqual(
      read(Values.size, ["16 megs", "16MB", "0", 0, -1, 1.5, "", true]),
      Array.from({ length: 8 }, () => undefined),
    ))
})

describe("counts", () => {
  it("are whole numbers in their range, from texts and from numbers", () =>
    assert.deepStrictEqual(
      read(Values.count(1, 100), ["1", 100, "0", 101, "1.5", 1.5, "1e1", "", "ten", true, "0x10"]),
      [1, 100, ...Array.from({ length: 9 }, () => undefined)],
    ))
})

describe("choices and switches", () => {
  it("are one of their words", () =>
    assert.deepStrictEqual(read(Values.choice("refuse", "forward"), ["refuse", "forward", "Forward", "", 1]), [
      "refuse",
      "forward",
      undefined,
      undefined,
      undefined,
    ]))

  it("say which words they know", () => assert.strictEqual(Values.choice("a", "b", "c").expected, "a, b or c"))

  it("are on and off, and true and false in a file", () =>
    assert.deepStrictEqual(read(Values.onOff, ["on", "off", true, false, "yes", 1]), [
      "on",
      "off",
      "on",
      "off",
      undefined,
      undefined,
    ]))
})

describe("addresses", () => {
  it("are a host and a port; IPv6 stands in brackets", () =>
    assert.deepStrictEqual(read(Values.address, ["127.0.0.1:8080", "localhost:0", "[::1]:8080", "example.com:65535"]), [
      "127.0.0.1:8080",
      "localhost:0",
      "[::1]:8080",
      "example.com:65535",
    ]))

  it("are nothing else", () =>
    assert.deepStrictEqual(
      read(Values.address, ["8080", ":8080", "::1:8080", "a:65536", "http://a:1", "a b:1", "u@a:1", 8080, "off", ""]),
      Array.from({ length: 10 }, () => undefined),
    ))

  it("of the admin listener may be off", () =>
    assert.deepStrictEqual(read(Values.addressOrOff, ["off", "127.0.0.1:9464", "on", false]), [
      "off",
      "127.0.0.1:9464",
      undefined,
      undefined,
    ]))
})

describe("URLs", () => {
  it("of an upstream are ws or wss, and hold no secret", () =>
    assert.deepStrictEqual(
      read(Values.upstream, ["ws://a:1", "wss://a/b?c=d", "http://a", "a:1", "ws://u:p@a", "ws://a/#b", "", 1]),
      ["ws://a:1", "wss://a/b?c=d", ...Array.from({ length: 6 }, () => undefined)],
    ))

  it("of an admin listener are origins; an address stands for http", () =>
    assert.deepStrictEqual(
      read(Values.adminUrl, [
        "http://a:1",
        "https://a:2/",
        "127.0.0.1:9464",
        "http://a/b",
        "http://u@a",
        "ws://a",
        "off",
      ]),
      ["http://a:1", "https://a:2", "http://127.0.0.1:9464", undefined, undefined, undefined, undefined],
    ))
})
