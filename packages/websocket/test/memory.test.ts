import { assert, describe, it } from "@effect/vitest"
import { Memory } from "../src/internal/memory.ts"
import type { Session } from "../src/internal/session.ts"
import * as Traffic from "../src/internal/traffic.ts"
import { FakeWheel } from "./support/fakeWheel.ts"

interface Load {
  readonly held?: number
  readonly unsent?: number
  readonly detached?: boolean
}

// A book of 1,000 bytes and sessions with so much in their hands; one that is sent away keeps it until its sockets are closed.
const book = (...loads: ReadonlyArray<Load>) => {
  const [wheel, up, down, evicted] = [new FakeWheel(), Traffic.none(), Traffic.none(), [] as Array<number>]
  const sessions = new Set<Session>()
  const add = ({ detached = false, held = 0, unsent = 0 }: Load) => {
    const at = sessions.size
    const known: Pick<Session, "heldMessages" | "bytes" | "unsentBytes" | "isDetached" | "isClosing" | "evict"> = {
      heldMessages: 0,
      bytes: held + unsent,
      unsentBytes: unsent,
      isDetached: detached,
      get isClosing() {
        return evicted.includes(at)
      },
      evict: () => void evicted.push(at),
    }
    sessions.add(known as Session) // the book knows no more of a session than this
    up.heldBytes += held
    up.messages++
  }
  loads.forEach(add)
  const memory = new Memory({ limit: 1000, up, down, wheel, sessions: () => sessions, early: () => 0 })
  memory.watch()
  return { wheel, up, down, memory, evicted, sessions }
}

describe("the memory of all sessions", () => {
  it("is what is held, booked and unsent", () => {
    const { down, memory, wheel } = book({ held: 100, unsent: 20 }, { unsent: 3 })
    down.heldBytes = 4000
    memory.book(50_000)
    memory.book(-10_000)
    assert.strictEqual(memory.used, 44_100)
    wheel.pass(1000)
    assert.strictEqual(memory.used, 44_123)
  })

  it("is tight from 80 % on", () => {
    const { memory, up } = book()
    up.heldBytes = 799
    assert.isFalse(memory.isTight)
    up.heldBytes = 800
    assert.isTrue(memory.isTight)
  })

  it("sends the session away that takes most, when it is full", () => {
    const { evicted, wheel } = book({ held: 300 }, { held: 400, unsent: 100 }, { held: 200 })
    wheel.pass(1000)
    assert.deepStrictEqual(evicted, [])
    const full = book({ held: 300 }, { held: 400, unsent: 101 }, { held: 200 })
    full.wheel.pass(1000)
    assert.strictEqual(full.evicted[0], 1)
  })

  it("sends one with a missing hop away first, however little it has, if it has anything", () => {
    const { evicted, wheel } = book({ held: 900 }, { held: 200, detached: true }, { detached: true })
    wheel.pass(1000)
    assert.strictEqual(evicted[0], 1)
  })

  it("sends one away at once when a message that is not whole grows too large", () => {
    const { evicted, memory } = book({ held: 900 })
    memory.book(101)
    assert.deepStrictEqual(evicted, [0])
  })

  it("does not send others away while the one that takes most is on its way out", () => {
    const { evicted, memory, up, wheel } = book({ unsent: 900 }, { held: 200 }, { held: 100 })
    wheel.pass(1000)
    assert.deepStrictEqual(evicted, [0])
    for (let at = 0; at < 20; at++) {
      up.messages++
      memory.book(1)
      wheel.pass(1000)
    }
    assert.deepStrictEqual(evicted, [0])
  })

  it("is looked at while there are sessions", () => {
    const { sessions, wheel } = book({ held: 1 })
    wheel.pass(1000)
    assert.strictEqual(wheel.pending, 1)
    sessions.clear()
    wheel.pass(1000)
    assert.strictEqual(wheel.pending, 0)
  })
})
