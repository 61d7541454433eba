import { assert, describe, it } from "vitest"
import { platformFiles } from "./rules/platformFiles.ts"
import { promises, realWorld } from "./rules/realWorld.ts"
import { planted, repository } from "./support/tree.ts"

const path = "packages/core/src/Link.ts"
const uses = (text: string) =>
  realWorld(planted({ [path]: text }), {}).map((line) => line.replace(/^.*:(\d+): uses (.*);.*$/, "$1 $2"))

describe("the real world", () => {
  it("only platform files touch time, chance and the network, and none is listed without need", () =>
    assert.deepStrictEqual(realWorld(repository, platformFiles), []))

  it("clocks and timers are seen however they are reached", () =>
    assert.deepStrictEqual(
      uses(`const at = Date.now()
const then = new Date(0)
globalThis.setTimeout(() => {}, 1)
const { setInterval: every } = globalThis
queueMicrotask(() => {})
const late = globalThis["setImmediate"]
performance?.now()
process.hrtime.bigint()
AbortSignal.timeout(1)`),
      [
        "1 Date",
        "2 Date",
        "3 setTimeout",
        "4 setInterval",
        "5 queueMicrotask",
        "6 setImmediate",
        "7 performance",
        "8 process.hrtime",
        "9 AbortSignal.timeout",
      ],
    ))

  it("chance is seen under every name it is imported with", () =>
    assert.deepStrictEqual(
      uses(`import { randomBytes as bytes } from "node:crypto"
import * as Crypto from "node:crypto"
const { random } = Math
const id = crypto.randomUUID()
const key = Crypto.randomInt(9)
export const hash = Crypto.createHash`),
      ["1 crypto.randomBytes", "3 Math.random", "4 crypto.randomUUID", "5 crypto.randomInt"],
    ))

  it("sockets are seen in every form of import", () =>
    assert.deepStrictEqual(
      uses(`import * as Net from "node:net"
export { createServer } from "http"
const ws = () => import("ws")
const socket = new WebSocket("wss://a.example")`),
      ["1 node:net", "2 node:http", "3 ws", "4 WebSocket"],
    ))

  it("the types of Node's modules are only shapes, those of a wrapped library are not", () =>
    assert.deepStrictEqual(uses(`import type { Server } from "node:http"\nimport type { WebSocket } from "ws"`), [
      "2 ws",
    ]))

  it("comments, strings, types, members and local variables are none of it", () =>
    assert.deepStrictEqual(
      uses(`// setTimeout(Date.now)
export const text = \`Math.random() \${"Date"}\`
export interface When { readonly Date: Date; readonly setTimeout: typeof setTimeout }
export const read = (performance: { now: () => number }, clock: { Date: number }) => performance.now() + clock.Date
export const make = () => { const fetch = () => 1; return { setTimeout: fetch(), max: Math.max(1, 2) } }`),
      [],
    ))

  it("a platform file may do what it is listed for and no more", () =>
    assert.deepStrictEqual(realWorld(planted({ [path]: "Date.now()\nsetTimeout(f)" }), { [path]: ["Date"] }), [
      "packages/core/src/Link.ts:2: uses setTimeout; only a platform file may",
    ]))

  it("a platform file that is gone, or needs less than it claims, leaves the list", () =>
    assert.deepStrictEqual(
      realWorld(planted({ [path]: "Date.now()" }), { [path]: ["Date", "ws"], "packages/core/src/Old.ts": [] }),
      [
        "packages/core/src/Link.ts: is listed as a platform file for ws and does not use it",
        "packages/core/src/Old.ts: is listed as a platform file and does not exist",
      ],
    ))
})

describe("promises", () => {
  it("source is written in Effects, except at the border", () =>
    assert.deepStrictEqual(promises(repository, platformFiles), []))

  it("`async`, `await` and `try` are named where they stand", () =>
    assert.deepStrictEqual(
      promises(planted({ [path]: "export const f = async () => {\n  try {\n    await 1\n  } finally {}\n}" }), {}),
      [
        "packages/core/src/Link.ts:1: uses async; use Effect.try or Effect.tryPromise",
        "packages/core/src/Link.ts:2: uses try; use Effect.try or Effect.tryPromise",
        "packages/core/src/Link.ts:3: uses await; use Effect.try or Effect.tryPromise",
      ],
    ))

  it("a `*Promise` module and a platform file are such a border", () =>
    assert.deepStrictEqual(
      promises(
        planted({
          "packages/core/src/BreakerPromise.ts": "export const f = async () => 1",
          [path]: "try {} finally {}",
        }),
        {
          [path]: [],
        },
      ),
      [],
    ))
})
