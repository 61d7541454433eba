/**
 * Model-based tests: random sequences of operations, judged by a model. A sequence is part of what an exploration draws, so it shrinks
 * together with the plan; it is one after the other, and not for finding races between operations.
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as History from "./History.ts"
import { Calls } from "./internal/calls.ts"

/** An operation of a sequence: its name, and what was drawn for it as JSON. */
export type Call = readonly [name: string, input: Schema.Json]

/** An operation with its input. */
export interface Step<in out Model, in Real, out E, out R> {
  /** May it happen now? */
  readonly when: (model: Model) => boolean
  readonly next: (model: Model) => Model
  readonly run: (real: Real, model: Model) => Effect.Effect<unknown, E, R>
}

/** One kind of operation. */
export interface Command<in out Model, in Real, out E, out R> {
  /** Draws inputs, as JSON. */
  readonly inputs: Arbitrary.Arbitrary<Schema.Json>
  /** The operation with this input; nothing when it is no such input. */
  readonly bind: (input: Schema.Json) => Step<Model, Real, E, R> | undefined
}

/** An operation with something drawn for it. */
export const command = <Model, Real, Input = null, E = never, R = never>(options: {
  /** What to draw. Default: nothing. */
  readonly input?: Schema.Codec<Input, unknown> | undefined
  /** May it happen now? It is left out where it may not. Default: always. */
  readonly when?: ((model: Model, input: Input) => boolean) | undefined
  /** What it does to the model. */
  readonly next: (model: Model, input: Input) => Model
  /** Does it for real. Dies when the answer does not fit the model as it was before. */
  readonly run: (real: Real, input: Input, model: Model) => Effect.Effect<unknown, E, R>
}): Command<Model, Real, E, R> => {
  const { next, run, when = () => true } = options
  // Without a Schema the type parameter has its default, which is what this one describes.
  const input = (options.input ?? Schema.Null) as Schema.Codec<Input, unknown>
  const json = Schema.toCodecJson(input)
  const encode = Schema.encodeSync(json)
  const decode = Schema.decodeUnknownResult(json)
  return {
    inputs: Arbitrary.map(Arbitrary.schema(input), (drawn) => encode(drawn)),
    bind: (text) => {
      const found = decode(text)
      if (Result.isFailure(found)) return undefined
      const drawn = found.success
      return {
        when: (model) => when(model, drawn),
        next: (model) => next(model, drawn),
        run: (real, model) => run(real, drawn, model),
      }
    },
  }
}

/** What an exploration needs to draw sequences: the option `commands` of `Sim.explore`. */
export interface Sequences {
  readonly sequences: Arbitrary.Arbitrary<ReadonlyArray<Call>>
  /** The length of the longest. */
  readonly longest: number
  /** Whether there is such an operation, with such an input. */
  readonly knows: (call: Call) => boolean
}

/** Operations and the model they start from. */
export interface Commands<in Real, out E, out R> extends Sequences {
  readonly names: ReadonlyArray<string>
  /**
   * Does the sequence of this run for real. In an exploration that was given these commands it is drawn and shrunk with the plan;
   * elsewhere `Random` draws it. The attempts are in the history, by name and place in the sequence.
   */
  readonly play: (real: Real) => Effect.Effect<void, E, R>
}

/** Puts operations together; the first is the simplest one, when sequences shrink. */
export const make = <Model, Real, E = never, R = never>(options: {
  readonly model: Model
  readonly commands: Readonly<Record<string, Command<Model, Real, E, R>>>
  /** Longest sequence. Default `20`. */
  readonly atMost?: number | undefined
}): Commands<Real, E, R> => {
  const { atMost: longest = 20, commands, model: start } = options
  const names = Object.keys(commands)
  if (names.length === 0) throw new RangeError("commands: at least one is needed")
  const places = Arbitrary.schema(Schema.Literals(names.map((_, place) => place)))
  const call = Arbitrary.flatMap(places, (place) =>
    Arbitrary.map(commands[names[place]!]!.inputs, (input): Call => [names[place]!, input]),
  )
  const sequences = Arbitrary.array(call, { maxLength: longest })
  const bind = ([name, input]: Call) => (Object.hasOwn(commands, name) ? commands[name]!.bind(input) : undefined)
  return {
    names,
    sequences,
    longest,
    knows: (call) => bind(call) !== undefined,
    play: Effect.fnUntraced(function* (real: Real) {
      let model = start
      for (const [place, call] of ((yield* Calls) ?? (yield* drawn(sequences, longest))).entries()) {
        const step = bind(call)
        if (step === undefined || !step.when(model)) continue
        yield* step.run(real, model).pipe(History.attempt(call[0], place, call[1]))
        model = step.next(model)
      }
    }),
  }
}

const drawn = (sequences: Arbitrary.Arbitrary<ReadonlyArray<Call>>, size: number) =>
  Effect.gen(function* () {
    const seed = yield* Random.nextInt
    const [calls] = yield* Effect.orDie(Arbitrary.sampleEffect(sequences, { count: 1, seed, size }))
    return calls!
  })
