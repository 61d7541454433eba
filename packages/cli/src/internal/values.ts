/**
 * The kinds of value a setting can have, as Schemas that read the text of a flag or variable and the scalars of a config file.
 * Each knows in words what it expects; which settings exist is said in `tables`.
 */
import * as Proxy from "@holdfast/websocket/Proxy"
import * as Bytes from "@holdfast/core/Bytes"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"

/** What a flag, a variable or a config file can hold. */
export type Raw = string | number | boolean

const RawSchema = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])

/** A kind of value. */
export interface Kind<A> {
  /** Reads it, and writes it the shortest way. */
  readonly schema: Schema.Codec<A, Raw>
  /** In words, after "expected". */
  readonly expected: string
}

/** A time, above 0 or from 0. */
export const duration = (from: "from 0" | "above 0"): Kind<Duration.Duration> =>
  kind({
    expected: `a duration ${from === "above 0" ? "above 0 " : ""}such as 250ms, 10s, 5m or 1h, at most 24d`,
    type: Schema.Duration,
    read: (raw) => {
      const millis = typeof raw === "string" ? parseMillis(raw) : undefined
      if (millis === undefined || millis > longest || (from === "above 0" && millis === 0)) return undefined
      return Duration.millis(millis)
    },
    write: formatDuration,
  })

/** Two times, the first at most as long as the second. */
export interface Span {
  readonly min: Duration.Duration
  readonly max: Duration.Duration
}

/** Two times above 0: `100ms..5s`. */
export const span: Kind<Span> = kind({
  expected: "two durations above 0 such as 100ms..5s, the shorter one first",
  type: Schema.Struct({ min: Schema.Duration, max: Schema.Duration }),
  read: (raw) => {
    const ends = typeof raw === "string" ? raw.split("..").map(parseMillis) : []
    const [min, max] = ends
    if (ends.length !== 2 || min === undefined || max === undefined) return undefined
    return min > 0 && min <= max && max <= longest
      ? { min: Duration.millis(min), max: Duration.millis(max) }
      : undefined
  },
  write: formatSpan,
})

/** A number of bytes, at least 1. */
export const size: Kind<number> = kind({
  expected: "a size such as 64KiB or 16MiB",
  type: Schema.Int,
  read: (raw) => {
    const bytes = typeof raw === "boolean" ? undefined : Bytes.parse(String(raw))
    return bytes === undefined || bytes < 1 ? undefined : bytes
  },
  write: Bytes.format,
})

/** A whole number in a range. */
export const count = (from: number, to: number): Kind<number> =>
  kind({
    expected: `a whole number from ${from} to ${to}`,
    type: Schema.Int,
    read: (raw) => {
      const number =
        typeof raw === "number" ? raw : typeof raw === "string" && /^\d{1,15}$/.test(raw) ? Number(raw) : NaN
      return Number.isInteger(number) && number >= from && number <= to ? number : undefined
    },
    write: (number) => number,
  })

/** One of some words. */
export const choice = <const Words extends ReadonlyArray<string>>(...words: Words): Kind<Words[number]> =>
  kind({
    expected: either(words),
    type: Schema.Literals(words),
    read: (raw) => words.find((word) => word === raw),
    write: (word) => word,
  })

/** `on` or `off`; in a file also `true` and `false`. */
export const onOff: Kind<boolean> = kind({
  expected: "on or off",
  type: Schema.Boolean,
  read: (raw) => (typeof raw === "boolean" ? raw : raw === "on" ? true : raw === "off" ? false : undefined),
  write: (on) => (on ? "on" : "off"),
})

/** Text that is not empty: a path. */
export const path: Kind<string> = kind({
  expected: "the path of a file",
  type: Schema.String,
  read: (raw) => (typeof raw === "string" && raw !== "" ? raw : undefined),
  write: (text) => text,
})

/** Text that means something to somebody else. */
export const text: Kind<string> = kind({
  expected: "text",
  type: Schema.String,
  read: (raw) => (typeof raw === "string" && raw !== "" ? raw : undefined),
  write: (text) => text,
})

/** A host and a port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Where to listen. */
export const address: Kind<Address> = kind({
  expected: "HOST:PORT such as 127.0.0.1:8080; port 0 takes a free one",
  type: Schema.Struct({ host: Schema.String, port: Schema.Int }),
  read: parseAddress,
  write: formatAddress,
})

/** Whom to dial. */
export const server: Kind<Address> = kind({
  expected: "HOST:PORT such as 127.0.0.1:9000",
  type: Schema.Struct({ host: Schema.String, port: Schema.Int }),
  read: (raw) => {
    const found = parseAddress(raw)
    return found?.port === 0 ? undefined : found
  },
  write: formatAddress,
})

/** Where to listen, or not at all. */
export const addressOrOff: Kind<Address | "off"> = kind({
  expected: "HOST:PORT such as 127.0.0.1:9464, or off",
  type: Schema.Union([address.schema.pipe(Schema.toType), Schema.Literal("off")]),
  read: (raw) => (raw === "off" ? "off" : parseAddress(raw)),
  write: (at) => (at === "off" ? at : formatAddress(at)),
})

/** The URL of a WebSocket server. */
export const upstream: Kind<string> = kind({
  expected: "a ws:// or wss:// URL without user name, password and #fragment",
  type: Schema.String,
  read: (raw) => (typeof raw === "string" && Proxy.isUpstream(raw) ? raw : undefined),
  write: (url) => url,
})

/** The origin of an admin listener. */
export const adminUrl: Kind<string> = kind({
  expected: "the URL of an admin listener such as http://127.0.0.1:9464",
  type: Schema.String,
  read: (raw) => {
    if (typeof raw !== "string") return undefined
    const text = parseAddress(raw) === undefined ? raw : `http://${raw}`
    const url = /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined
    const plain = url !== undefined && `${url.username}${url.password}${url.search}${url.hash}` === ""
    return plain && url.pathname === "/" ? url.origin : undefined
  },
  write: (url) => url,
})

/** The host as a URL and a `Host` header want it. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`
}

/** The shortest exact way to write it: `10s`, `1500ms`. */
export function formatDuration(time: Duration.Duration): string {
  const millis = Duration.toMillis(time)
  const unit = (["h", "m", "s"] as const).find((unit) => millis > 0 && millis % units[unit] === 0)
  return unit === undefined ? (millis === 0 ? "0s" : `${millis}ms`) : `${millis / units[unit]}${unit}`
}

/** As an operator would write it: `100ms..5s`. */
function formatSpan({ max, min }: Span): string {
  return `${formatDuration(min)}..${formatDuration(max)}`
}

function kind<A>(options: {
  readonly expected: string
  readonly type: Schema.Codec<A, A>
  readonly read: (raw: Raw) => A | undefined
  readonly write: (value: A) => Raw
}): Kind<A> {
  const decode = SchemaGetter.transformEffect<A, Raw>((raw, parse) => {
    const value = options.read(raw)
    return value === undefined
      ? Effect.fail(new SchemaIssue.InvalidValue({ message: `expected ${options.expected}` }, raw, parse))
      : Effect.succeed(value)
  })
  const encode = SchemaGetter.transform(options.write)
  return { expected: options.expected, schema: RawSchema.pipe(Schema.decodeTo(options.type, { decode, encode })) }
}

// Timers hold 31 bits of milliseconds; a little more than 24 days.
const longest = 24 * 86_400_000
const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const parseMillis = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  const millis = Number(match[1]) * units[match[2] as keyof typeof units] // the pattern allows these units only
  return Number.isSafeInteger(millis) ? millis : undefined
}

function parseAddress(raw: Raw): Address | undefined {
  const match = typeof raw === "string" ? /^(?:\[([0-9a-f:.%]+)\]|([^\s:/[\]@]+)):(\d{1,5})$/i.exec(raw) : null
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port > 65_535 ? undefined : { host, port }
}

const either = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`
