/**
 * Draws plans: a Schema of plain numbers is drawn by Effect, and read as a plan with round times and sizes that matter.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Fault from "../Fault.ts"
import type { Entry, FaultPlan, Options } from "../FaultPlan.ts"
import * as Readable from "./readable.ts"

/** Plans of these options. */
export interface Drawn {
  readonly plan: Schema.declare<FaultPlan>
  /** Whether a plan could have been drawn, roughly: it hits the same things with the same kinds. */
  readonly isPlan: (value: unknown) => value is FaultPlan
}

/** Throws a `RangeError` for options that leave nothing to draw. */
export const make = ({ atMost = 6, kinds = usual, on, within = "30 seconds" }: Options): Drawn => {
  const unknown = kinds.find((kind) => !Fault.all.includes(kind))
  if (unknown !== undefined) {
    throw new RangeError(`\`kinds\`: there is no fault "${unknown}"; there are ${Readable.either(Fault.all, "and")}`)
  }
  const horizon = Math.floor(Duration.toMillis(within) / step)
  const targets = on.flatMap((name) => kinds.filter((kind) => fits(kind, name)).map((kind) => ({ name, kind })))
  if (targets.length === 0) throw new RangeError(`no kind of fault to draw can hit ${JSON.stringify(on)}`)
  if (!(horizon >= 1)) throw new RangeError("`within` must be at least 100 ms")
  const hosts = [...new Set(on.flatMap((name) => name.split("-")))]

  const entry = ({ at, dice, event, lasts, target }: Draft): Entry => {
    const { kind, name } = targets[target % targets.length]!
    // Most faults come at a time; the others find the states that a program is in for a moment only.
    const when =
      event > 3
        ? Readable.time((at % horizon) * step)
        : event > 1
          ? `connect:${1 + (at % 6)}`
          : `message:${1 + (at % 40)}`
    const length = Math.min(1 + (lasts % (lasts % 3 === 0 ? horizon : 50)), horizon - (event > 3 ? at % horizon : 0))
    const fault = faults[kind](dice, hosts) as Fault.Fault // the table has a fault of the kind under its name
    return { at: when as Entry["at"], on: name, fault, for: Readable.time(length * step) }
  }
  const isPlan = (value: unknown): value is FaultPlan => Schema.is(Shape)(value) && value.faults.every(isDrawn)
  const isDrawn = ({ fault, on: name }: { readonly on: string; readonly fault: { readonly _tag: string } }) =>
    targets.some((target) => target.name === name && target.kind === fault._tag)

  return {
    isPlan,
    plan: Schema.declare<FaultPlan>(isPlan, {
      toCodecArbitrary: () =>
        Schema.link<FaultPlan>()(
          Schema.Struct({ seed: upTo(999_999), faults: Schema.Array(Draft).check(Schema.isMaxLength(atMost)) }),
          {
            decode: SchemaGetter.transform(({ faults, seed }) => ({
              seed,
              faults: faults.map(entry),
              healAt: Readable.time(horizon * step),
            })),
            encode: SchemaGetter.forbidden(() => "plans are drawn, never taken back"),
          },
        ),
    }),
  }
}

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const die = upTo(2 ** 16)

const Draft = Schema.Struct({
  at: die,
  event: upTo(9),
  target: die,
  lasts: die,
  dice: Schema.Tuple([die, die, die]),
})
type Draft = typeof Draft.Type
type Dice = Draft["dice"]

// Just enough to tell a plan; what `Fault` allows need not be checked again for what was drawn or simplified.
const Shape = Schema.Struct({
  seed: Schema.Int,
  healAt: Schema.String,
  faults: Schema.Array(Schema.Struct({ on: Schema.String, fault: Schema.Struct({ _tag: Schema.String }) })),
})

const step = 100

/** What a program that reconnects can live through, and a real proxy can do or its host can. */
const usual: ReadonlyArray<Fault.Kind> = [
  "latency",
  "bandwidth",
  "slice",
  "slowAccept",
  "slowClose",
  "blackhole",
  "lostAck",
  "reset",
  "timeoutClose",
  "closeClean",
  "cutAt",
  "serverError",
  "refuse",
  "partition",
  "crash",
  "pause",
  "stall",
  "memoryPressure",
]

const fits = (kind: Fault.Kind, name: string): boolean =>
  Fault.isOfHost(kind) || kind === "dns" || kind === "addressChange" ? !name.includes("-") : true

const pick = <A>(die: number, ...values: ReadonlyArray<A>): A => values[die % values.length]!
const wait = (die: number) => pick(die, 20, 50, 100, 200, 500, 1000, 2000, 5000)
const chance = (die: number) => pick(die, 0.01, 0.05, 0.1, 0.3, 0.5, 0.9)
const way = (die: number): Fault.Direction | undefined => pick(die, undefined, undefined, "up", "down")
const bytes = (die: number) => pick(die, 0, 1, 10, 100, 300, 1000, 4096)

const faults: { readonly [K in Fault.Kind]: (dice: Dice, hosts: ReadonlyArray<string>) => Fault.Fault } = {
  latency: ([a, b, c]) =>
    Fault.latency({
      delay: wait(a),
      jitter: pick(b, undefined, 50, 500),
      dist: pick(b >> 4, undefined, undefined, "normal", "lognormal", "pareto"),
      dir: way(c),
    }),
  bandwidth: ([a, , c]) => Fault.bandwidth({ bytesPerSec: pick(a, 100, 1024, 10_240), dir: way(c) }),
  slice: ([a, b]) =>
    Fault.slice({ avg: pick(a, 1, 10, 100), variation: pick(b, undefined, 5), gap: pick(b >> 4, 1, 10) }),
  slowAccept: ([a]) => Fault.slowAccept({ delay: wait(a) }),
  slowClose: ([a]) => Fault.slowClose({ delay: wait(a) }),
  blackhole: ([a, , c]) => Fault.blackhole({ keepOpen: pick(a, undefined, true), dir: way(c) }),
  corrupt: ([a, , c]) => Fault.corrupt({ p: pick(a, 0.0001, 0.001, 0.01), dir: way(c) }),
  loss: ([a, , c]) => Fault.loss({ p: chance(a), dir: way(c) }),
  duplicate: ([a, , c]) => Fault.duplicate({ p: chance(a), dir: way(c) }),
  reorder: ([a, , c]) => Fault.reorder({ p: chance(a), dir: way(c) }),
  lostAck: ([a]) => Fault.lostAck({ nth: 1 + (a % 20) }),
  reset: ([a, b, c]) =>
    pick(a, true, false)
      ? Fault.reset({ after: pick<Fault.Time | undefined>(b, undefined, "10ms", "100ms", "1s") })
      : Fault.reset({ after: Readable.size(bytes(b)), dir: way(c) }),
  timeoutClose: ([a]) => Fault.timeoutClose({ after: wait(a) }),
  closeClean: ([a]) => Fault.closeClean({ code: pick(a, 1001, 1012, 1013) }),
  cutAt: ([a, b, c]) => Fault.cutAt({ ...pick(a, { bytes: bytes(b) }, { frame: 1 + (b % 20) }), dir: way(c) }),
  serverError: ([a, b]) =>
    Fault.serverError({ status: pick(a, 503, 502, 1012, 1013, 1001), drain: pick(b, undefined, true) }),
  refuse: () => Fault.refuse,
  partition: ([a, , c]) => Fault.partition({ hold: pick(a, undefined, true), dir: way(c) }),
  dns: ([a]) => Fault.dns({ fail: pick(a, undefined, false) }),
  addressChange: ([a], hosts) => Fault.addressChange({ to: pick(a, ...hosts) }),
  crash: ([a]) => Fault.crash({ keepState: pick(a, undefined, false) }),
  restart: () => Fault.restart,
  pause: () => Fault.pause,
  resume: () => Fault.resume,
  stall: () => Fault.stall,
  memoryPressure: () => Fault.memoryPressure,
  clockJump: ([a]) => Fault.clockJump({ by: pick<Fault.Time>(a, "1s", "-1s", "1h", "-1h") }),
  clockSkew: ([a]) => Fault.clockSkew({ rate: pick(a, 1.01, 0.99, 2, 0.5) }),
}
