/**
 * Which of the client's messages may be missing without having been lost silently, and who said so. Whoever sends answers for its own
 * hop: the client for its connection, the proxy with its receipts. For the upstream, which is killed, its killer does.
 */
import type * as Proxy from "@holdfast/websocket/Proxy"

/** Why a message may be missing: somebody reported it as uncertain, or its echo was under way when the upstream was killed. */
export type Why = "uncertain" | "cut off"

type Range = readonly [from: number, to: number]

/** Older ones speak of messages that were accounted for long ago. */
const remembered = 64

/** What is said about the messages of one client. */
export class Doubts {
  readonly #ranges: Record<Why, Array<Range>> = { uncertain: [], "cut off": [] }
  #session: string | undefined
  /** Messages of sessions before this one: the proxy counts from 1 in each. */
  #before = 0
  /** Messages that may never have reached the proxy, so that its numbers may be as much behind ours. */
  #slack = 0
  #reached = 0
  #uncertain = 0
  #reconnects = 0

  /** How many were reported as uncertain; some of them come back all the same. */
  get uncertain(): number {
    return this.#uncertain
  }

  /** How often a connection of the session was lost and found. */
  get reconnects(): number {
    return this.#reconnects
  }

  /** A new session begins; so many messages were sent before. */
  begin(session: string | undefined, before: number): void {
    this.#session = session
    this.#before = before
    this.#slack = 0
  }

  /** The client lost its connection while these were out. */
  vanished(from: number, to: number): void {
    this.#doubt(from, to)
    this.#slack += Math.max(0, to - from + 1)
  }

  /** The client is back in its session. */
  resumed(): void {
    this.#reconnects++
  }

  /** The proxy gave account of an outage. For the client's own connection the client has done that itself. */
  receipt({ back, hop, range, session }: typeof Proxy.Receipt.Type): void {
    if (session !== this.#session || hop !== "upstream") return
    if (back) this.#reconnects++
    if (range === null) return
    const [first, last] = range
    this.#doubt(first + this.#before, last + this.#before)
    if (this.#slack > 0) this.#keep("uncertain", [first + this.#before, last + this.#before + this.#slack])
  }

  /** The upstream has got this message in this session. */
  reached(session: string | undefined, number: number): void {
    if (session === this.#session && number > this.#reached) this.#reached = number
  }

  /** The upstream is dead, and of what it had got nothing after this message has come back. */
  killed(back: number): void {
    if (this.#reached > back) this.#keep("cut off", [back + 1, this.#reached])
  }

  /** Why this message may be missing, if anybody said so. */
  about(number: number): Why | undefined {
    return (["uncertain", "cut off"] as const).find((why) =>
      this.#ranges[why].some(([from, to]) => number >= from && number <= to),
    )
  }

  #doubt(from: number, to: number): void {
    if (to < from) return
    this.#uncertain += to - from + 1
    this.#keep("uncertain", [from, to])
  }

  #keep(why: Why, range: Range): void {
    if (this.#ranges[why].push(range) > remembered) this.#ranges[why].shift()
  }
}
