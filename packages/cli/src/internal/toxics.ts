/**
 * Toxics of Toxiproxy, and the faults they are here. Its names, units, defaults and words for what is wrong.
 */
import { Fault } from "@holdfast/testing"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** What the API answers when it cannot do what it is asked for. */
export class ApiError extends Data.TaggedError("ApiError")<{ readonly status: number; readonly error: string }> {}

/** A toxic as the API shows it. */
export interface Toxic {
  readonly name: string
  readonly type: string
  readonly stream: "upstream" | "downstream"
  readonly toxicity: number
  readonly attributes: Attributes
}

/** Whole numbers by name; every type has all of its own. */
export type Attributes = Readonly<Record<string, number>>

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>

/** Whether it is one. */
export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Reads what somebody wants to add. */
export const read = Effect.fnUntraced(function* (body: Json): Effect.fn.Return<Toxic, ApiError> {
  const type = (yield* text(body, "type")) ?? ""
  const stream = (yield* text(body, "stream")) ?? "downstream"
  if (stream !== "upstream" && stream !== "downstream") {
    return yield* new ApiError({ status: 400, error: "stream was invalid, can be either upstream or downstream" })
  }
  const known = Object.hasOwn(types, type) ? types[type] : undefined
  if (known === undefined) return yield* new ApiError({ status: 400, error: "invalid toxic type" })
  const name = (yield* text(body, "name")) || `${type}_${stream}`
  const attributes = Object.fromEntries(known.attributes.map((name) => [name, 0]))
  return yield* change({ name, type, stream, toxicity: 1, attributes }, body)
})

/** The same with other attributes and another toxicity, as far as they are there. */
export const change = Effect.fnUntraced(function* (toxic: Toxic, body: Json): Effect.fn.Return<Toxic, ApiError> {
  const given = body["attributes"] ?? {}
  if (!isJson(given)) return yield* wrong("attributes", "an object", given)
  const attributes: Record<string, number> = {}
  for (const [name, before] of Object.entries(toxic.attributes)) {
    const value = given[name] ?? before
    const least = name === "average_size" ? 1 : 0
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) {
      return yield* wrong(name, `a whole number from ${least}`, value)
    }
    attributes[name] = value
  }
  const toxicity = body["toxicity"] ?? toxic.toxicity
  if (typeof toxicity !== "number") return yield* wrong("toxicity", "a number", toxicity)
  return { ...toxic, attributes, toxicity }
})

/** The fault it is here. */
export const faultOf = ({ attributes, stream, type }: Toxic): Fault.Fault =>
  types[type]!.fault(attributes, stream === "upstream" ? "up" : "down")

/** A text of the body, if there is one. */
export const text = (body: Json, key: string): Effect.Effect<string | undefined, ApiError> => {
  const value = body[key] ?? undefined
  return value === undefined || typeof value === "string" ? Effect.succeed(value) : wrong(key, "a string", value)
}

/** A key of the body has a value of another type. */
export const wrong = (key: string, expected: string, got: unknown): Effect.Effect<never, ApiError> =>
  badBody(`${key}: expected ${expected}, got ${JSON.stringify(got)}`)

/** The body is not what it should be. */
export const badBody = (why: string): Effect.Effect<never, ApiError> =>
  Effect.fail(new ApiError({ status: 400, error: `bad request body: ${why}` }))

interface Type {
  readonly attributes: ReadonlyArray<string>
  readonly fault: (attributes: Attributes, dir: "up" | "down") => Fault.Fault
}

const type = <const Names extends ReadonlyArray<string>>(
  attributes: Names,
  fault: (attributes: { readonly [N in Names[number]]: number }, dir: "up" | "down") => Fault.Fault,
): Type => ({
  attributes,
  // A toxic that was read has exactly the attributes of its type, each a number.
  fault: fault as Type["fault"],
})

// Times are milliseconds, but for the slicer's microseconds; a rate of 1 is 1000 bytes a second.
const types: Readonly<Record<string, Type>> = {
  latency: type(["latency", "jitter"], ({ jitter, latency }, dir) => {
    const spread = Math.min(jitter, latency) // around the latency there, on top of it here
    return Fault.latency({ delay: latency - spread, jitter: 2 * spread, dir })
  }),
  bandwidth: type(["rate"], ({ rate }, dir) => Fault.bandwidth({ bytesPerSec: rate * 1000, dir })),
  slow_close: type(["delay"], ({ delay }) => Fault.slowClose({ delay })),
  timeout: type(["timeout"], ({ timeout }, dir) =>
    timeout === 0 ? Fault.blackhole({ dir }) : Fault.timeoutClose({ after: timeout }),
  ),
  reset_peer: type(["timeout"], ({ timeout }) => Fault.reset(timeout === 0 ? {} : { after: `${timeout}ms` })),
  slicer: type(["average_size", "size_variation", "delay"], (slicer, dir) => {
    const { average_size: avg, delay, size_variation: variation } = slicer
    return Fault.slice({ avg, variation, gap: delay / 1000, dir })
  }),
  limit_data: type(["bytes"], ({ bytes }, dir) => Fault.cutAt({ bytes, dir })),
}
