/**
 * One vocabulary of hardship, for the simulator and for real sockets. Kinds and keys follow Toxiproxy where it has one.
 * JSON is the kind as `_tag` and its keys; a key that is absent has its default. `at`, `for` and `on` belong to the plan.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as FaultText from "./internal/faultText.ts"
import * as Issues from "./internal/issues.ts"
import * as Readable from "./internal/readable.ts"

/** A time as people write it: `"250ms"`, `"10s"`, `"5m"`. */
export type Time = `${number}${"ms" | "s" | "m" | "h"}`
/** A time as people write it: `"250ms"`, `"10s"`, `"5m"`. */
export const Time = Readable.text<Time>("a time such as 250ms, 10s or 5m", /^\d+(\.\d+)?(ms|s|m|h)$/)

/** A size as people write it: `"64KiB"`. */
export type Size = `${number}${"B" | "KiB" | "MiB" | "GiB"}`
/** A size as people write it: `"64KiB"`. */
export const Size = Readable.text<Size>("a size such as 200B, 64KiB or 1MiB", /^\d+(\.\d+)?(B|KiB|MiB|GiB)$/)

/** Which way: `up` is from whoever dialled to whoever accepted. */
export type Direction = "up" | "down" | "both"

const optional = Schema.optionalKey
const dir = optional(Readable.words(["up", "down", "both"]))
const time = optional(Time)
const size = optional(Size)
const flag = optional(Readable.leaf<boolean>("true or false", (value) => typeof value === "boolean"))
const chance = optional(Readable.number("a chance from 0 to 1", (p) => p >= 0 && p <= 1))
const nth = Readable.number("a whole number from 1", (n) => Number.isSafeInteger(n) && n >= 1)
const code = Readable.number(
  "a close code from 1000 to 4999",
  (code) => Number.isInteger(code) && code >= 1000 && code <= 4999,
)
const name = Readable.text<string>("a name", /./)
const after = Readable.text<Time | Size>(
  "a time such as 250ms or a size such as 64KiB",
  /^\d+(\.\d+)?(ms|s|m|h|B|KiB|MiB|GiB)$/,
)

const kind = <const Tag extends string, const Fields extends Schema.Struct.Fields>(tag: Tag, fields: Fields) => {
  const names = Object.keys(fields)
  const keys = names.length === 0 ? `${tag} has no keys` : `${tag} knows ${Readable.either(names)}`
  return Schema.TaggedStruct(tag, fields).annotate({ messageUnexpectedKey: `unknown key; ${keys}` })
}

function isGroup(group: unknown): boolean {
  return Array.isArray(group) && group.length > 0 && group.every((host) => typeof host === "string" && host !== "")
}

const kinds = [
  // bytes come late, or slowly
  kind("latency", {
    delay: Readable.key(Time),
    jitter: time,
    dist: optional(Readable.words(["const", "uniform", "normal", "lognormal", "pareto"])),
    dir,
  }),
  kind("bandwidth", { bytesPerSec: Readable.key(Size), burst: size, dir }),
  kind("slice", { avg: Readable.key(Size), variation: size, gap: time, dir }),
  kind("slowAccept", { delay: Readable.key(Time) }),
  kind("slowClose", { delay: Readable.key(Time) }),
  // bytes vanish or change; `loss`, `duplicate`, `reorder` hit messages, which a stream of bytes has not
  kind("blackhole", { dir, keepOpen: flag }),
  kind("corrupt", { p: chance, dir }),
  kind("loss", { p: chance, dir }),
  kind("duplicate", { p: chance, dir }),
  kind("reorder", { p: chance, dir }),
  kind("lostAck", { nth: Readable.key(nth) }),
  // the connection ends
  kind("reset", { after: optional(after), dir }),
  kind("timeoutClose", { after: Readable.key(Time) }),
  kind("closeClean", { code: optional(code), reason: optional(name) }),
  kind("cutAt", { bytes: size, frame: optional(nth), dir }),
  kind("serverError", {
    status: Readable.key(
      Readable.number(
        "an HTTP status from 300 to 599 or a close code from 1000 to 4999",
        (status) => Number.isInteger(status) && status >= 300 && status <= 4999 && (status < 600 || status >= 1000),
      ),
    ),
    drain: flag,
  }),
  // there is no connection
  kind("refuse", {}),
  kind("partition", {
    groups: optional(
      Readable.leaf<ReadonlyArray<ReadonlyArray<string>>>(
        `at least two groups of hosts such as [["a"], ["b", "c"]]`,
        (value) => Array.isArray(value) && value.length > 1 && value.every(isGroup),
      ),
    ),
    hold: flag,
    dir,
  }),
  kind("dns", { fail: flag }),
  kind("addressChange", { to: Readable.key(name) }),
  // a host suffers
  kind("crash", { keepState: flag }),
  kind("restart", {}),
  kind("pause", {}),
  kind("resume", {}),
  kind("stall", {}),
  kind("memoryPressure", {}),
  kind("clockJump", {
    by: Readable.key(Readable.text<Time>("a time such as 10s or -5m", /^-?\d+(\.\d+)?(ms|s|m|h)$/)),
  }),
  kind("clockSkew", {
    rate: Readable.key(Readable.number("a number above 0, such as 1.01", (rate) => rate > 0 && rate < 1e6)),
  }),
] as const

/** A fault. `dir` is `"both"` unless said. */
export const Fault = Schema.Union(kinds).annotate({
  message: `expected a fault whose _tag is ${Readable.either(kinds.map(({ fields }) => fields._tag.schema.literal))}`,
})
/** A fault. */
export type Fault = typeof Fault.Type

/** What can happen, as the `_tag` of a fault. */
export type Kind = Fault["_tag"]

/** The names of all faults. */
export const all: ReadonlyArray<Kind> = kinds.map(({ fields }) => fields._tag.schema.literal)

/** Whether it happens to a host; everything else happens to links and their connections. */
export const isOfHost = (kind: Kind): boolean => ofHosts.has(kind)

/** Not a fault: what is wrong with it, for each key. */
export class InvalidFault extends Data.TaggedError("InvalidFault")<{ readonly issues: ReadonlyArray<Issues.Issue> }> {
  override get message(): string {
    return Issues.lines(this.issues)
  }
}

/** Milliseconds. */
export const toMillis: (time: Time) => number = Readable.millis

/** Bytes. */
export const toBytes: (size: Size) => number = Readable.bytes

/**
 * Reads the short form of the command line: `reset:after=5s`, `reset:after=64KiB`, `latency:delay=200ms,jitter=50ms`. Throws
 * `InvalidFault`, which names the key and what was expected.
 *
 * **Details**
 *
 * The groups of a partition are `groups=a+b|c`. In names and reasons, `%` and two hexadecimal digits stand for a character that would
 * mean something here: `%2C` is a comma.
 */
export const parse = (text: string): Fault => {
  const read = FaultText.read(text)
  const decoded = Result.flatMap(read, (raw) => Issues.decode(Fault, raw))
  return Result.getOrThrowWith(decoded, (issues) => new InvalidFault({ issues }))
}

/** The short form; `parse` reads it. */
export const format = (fault: Fault): string => FaultText.write(fault)

/** What a constructor takes: times as `Duration.Input`, sizes as text or bytes. */
export type Options<K extends Kind> = {
  readonly [P in keyof Keys<K> as {} extends Pick<Keys<K>, P> ? never : P]: Input<Keys<K>[P]>
} & {
  readonly [P in keyof Keys<K> as {} extends Pick<Keys<K>, P> ? P : never]?: Input<Keys<K>[P]> | undefined
}
type Of<K extends Kind> = Extract<Fault, { readonly _tag: K }>
type Keys<K extends Kind> = Omit<Of<K>, "_tag">
type Input<A> = A extends Time ? Duration.Input | Time : A extends Size ? Size | number : A

// The vocabulary, a sentence of meaning each. `for` how long is the plan's to say; what happens at an instant happens at its start.

/** What arrives comes later by `delay` and a random part: up to `jitter` more, in the order it was sent; `dist` says how that spreads. */
export const latency = make("latency")
/** No more than `bytesPerSec` get through, after a first `burst`. */
export const bandwidth = make("bandwidth")
/** What arrives comes in pieces of about `avg` bytes, give or take `variation`, with a `gap` of time between them. */
export const slice = make("slice")
/** New connections come about later by `delay`. */
export const slowAccept = make("slowAccept")
/** The end of a connection is heard later by `delay`. */
export const slowClose = make("slowClose")
/**
 * Swallows bytes while connections stay open, new ones too: half-open. A connection that has lost bytes is reset when this is over;
 * with `keepOpen` it stays open, and silent that way, until an end gives it up.
 */
export const blackhole = make("blackhole")
/** Every byte is another with chance `p`, default `0.001`. */
export const corrupt = make("corrupt")
/** Every message is lost with chance `p`, default `0.1`. On message wires only. */
export const loss = make("loss")
/** Every message comes twice with chance `p`, default `0.1`. On message wires only. */
export const duplicate = make("duplicate")
/** Every message comes after the next one with chance `p`, default `0.1`. On message wires only. */
export const reorder = make("reorder")
/** Cuts a connection right before its `nth` message down: what went up was taken, and nobody says so. */
export const lostAck = make("lostAck")
/** Resets connections, new ones too: at once, or `after` so much time, or `after` so many bytes that way. What is under way is lost. */
export const reset = make("reset")
/** Swallows bytes both ways, and ends connections `after` that long. */
export const timeoutClose = make("timeoutClose")
/** Ends connections politely, new ones too: with a WebSocket `code`, default `1000`, and `reason`; others with the end of the stream. */
export const closeClean = make("closeClean")
/** Ends connections, new ones too, right behind so many `bytes` or so many whole messages (`frame`) that way. */
export const cutAt = make("cutAt")
/**
 * The server says no. An HTTP status answers new WebSockets; from 1000 on it is the code that ends WebSockets, right after the
 * opening for new ones. With `drain` those that are open may stay.
 */
export const serverError = make("serverError")
/** Refuses new connections. */
export const refuse: Of<"refuse"> = { _tag: "refuse" }
/**
 * Nothing gets through, and new connections do not come about: between `groups`; without them on this link, or between this host and all
 * others. A connection that has lost bytes is reset when this is over. With `hold` nothing is lost, it comes when this is over.
 */
export const partition = make("partition")
/** The name of the host is unknown; with `fail: false` the answer does not come as long as this lasts. */
export const dns = make("dns")
/** New connections to this host reach the host `to`. */
export const addressChange = make("addressChange")
/** Stops a host: its program is interrupted and its connections are reset. It starts again when this is over, with its disk if `keepState`, the default. */
export const crash = make("crash")
/** Starts a host again that has crashed. */
export const restart: Of<"restart"> = { _tag: "restart" }
/** Nothing runs on a host; the network goes on, and its kernel takes what it has room for. */
export const pause: Of<"pause"> = { _tag: "pause" }
/** A paused host goes on. */
export const resume: Of<"resume"> = { _tag: "resume" }
/** A host reads nothing from its connections. */
export const stall: Of<"stall"> = { _tag: "stall" }
/** The kernel of a host has 1 KiB for each direction of a connection. */
export const memoryPressure: Of<"memoryPressure"> = { _tag: "memoryPressure" }
/** The time of day on a host jumps `by` so much, and back when this is over; timers do not notice. */
export const clockJump = make("clockJump")
/** The time of day on a host runs `rate` times as fast, timers do not. */
export const clockSkew = make("clockSkew")

function make<K extends Kind>(
  kind: K,
): {} extends Options<K> ? (options?: Options<K>) => Of<K> : (options: Options<K>) => Of<K> {
  const build = (options: object = {}) => {
    const given = Object.entries(options).filter(([, value]) => value !== undefined)
    const fault = { _tag: kind, ...Object.fromEntries(given.map(([key, value]) => [key, written(key, value)])) }
    return Result.getOrThrowWith(Issues.decode(Fault, fault), (issues) => new InvalidFault({ issues }))
  }
  // A fault of this kind has been decoded, which the type of a union does not tell.
  return build as never
}

const written = (key: string, value: unknown): unknown => {
  if (sizes.has(key)) return typeof value === "number" ? Readable.size(value) : value
  if (!times.has(key)) return value
  // `after` may be a size; every other text is a duration of either notation.
  if (typeof value === "string" && !value.includes(" ")) return value
  return Readable.time(Duration.toMillis(value as Duration.Input))
}

const times: ReadonlySet<string> = new Set(["delay", "jitter", "gap", "after", "by"])
const sizes: ReadonlySet<string> = new Set(["bytesPerSec", "burst", "avg", "variation", "bytes"])
const ofHosts: ReadonlySet<Kind> = new Set<Kind>([
  "crash",
  "restart",
  "pause",
  "resume",
  "stall",
  "memoryPressure",
  "clockJump",
  "clockSkew",
])
