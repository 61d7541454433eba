/**
 * One run from beginning to end: start the program, let what can run do so, move the time when nothing can, and say what is left.
 * Everything happens inside one call; there is no event loop in here.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Run, RunOptions, World } from "../Sim.ts"
import * as Chance from "./chance.ts"
import * as Clock from "./clock.ts"
import * as Drive from "./drive.ts"
import * as Escapes from "./escapes.ts"
import * as Fibers from "./fibers.ts"
import * as Hash from "./hash.ts"
import * as Loop from "./networkLoop.ts"
import * as Player from "./networkPlayer.ts"
import * as NetworkService from "./networkService.ts"
import { World as Network } from "./networkWorld.ts"
import * as Moment from "./moment.ts"
import * as RealWorld from "./realWorld.ts"
import * as Recording from "./recording.ts"
import * as Scheduler from "./scheduler.ts"
import * as Services from "./services.ts"
import * as Timers from "./timers.ts"
import * as Witness from "./witness.ts"

/** What a run may do besides. */
export interface Aside {
  /** Whether what waits or is left can be told with the lines that started it; it takes time. Default `true`. */
  readonly located?: boolean
  /** Takes the names of the hosts that there were. */
  readonly hosts?: Set<string>
}

/** Runs a program once. */
export const simulate = <A, E>(
  program: Effect.Effect<A, E, World>,
  options: RunOptions = {},
  { hosts, located = true }: Aside = {},
): Run<A, E> => {
  const { preempt, seed } = checked(options)
  const moment = Moment.make()
  const timers = Timers.make()
  const hash = Hash.make()
  const escapes = Escapes.make(moment)
  const { recorder, rows } = Recording.make(moment)
  const trace: Array<Scheduler.Decision> = []
  const fibers = Fibers.make(moment, { located, trace: options.trace === true })
  const stepper = Scheduler.make({
    moment,
    fibers,
    hash,
    chance: Chance.make(seed, "order"),
    preempt,
    trace: options.trace === true ? trace : undefined,
  })

  let crashed: { readonly defect: unknown } | undefined
  const crash = (defect: unknown) => {
    crashed ??= { defect }
  }

  const drive = Drive.make({ moment, timers, hash, stepper })
  const witness = Witness.make({ moment, fibers, escapes })

  return RealWorld.watch(escapes.add, () => {
    const clock = Clock.make(moment, timers)
    const { scheduler } = stepper
    const network = new Network({
      loop: Loop.make({ moment, timers, ready: stepper.ready, crash }),
      chance: Chance.make(seed, "network"),
      clock,
      scheduler,
      recorder,
      crash,
      fork: (effect) => void Effect.runForkWith(services)(effect),
    })
    const healed = options.plan === undefined ? Effect.void : Player.play(network, options.plan)
    const services = Services.context(seed, {
      clock,
      scheduler,
      recorder,
      network: NetworkService.make(network, healed),
    })
    let exit: Exit.Exit<A, E> | undefined
    stepper.start(() => {
      Effect.runForkWith(services)(Effect.scoped(program)).addObserver((ended) => (exit = ended))
    })
    const reason = drive(
      () => exit !== undefined || crashed !== undefined,
      Duration.toMillis(options.atMost ?? "1 hour"),
      options.maxSteps ?? 1_000_000,
    )
    // What ends by itself now, without any more time, is on its way out and no leak.
    if (reason === undefined) drive(stepper.idle, moment.now, moment.steps + settling)
    const leaked = reason === undefined && crashed === undefined ? witness.waiting() : []
    for (const name of network.hosts.keys()) hosts?.add(name)
    for (const { name, where } of leaked) recorder.row("state", "", "left", name, where ?? null)
    const run = {
      exit:
        crashed !== undefined
          ? Exit.die(crashed.defect)
          : reason === undefined
            ? exit!
            : Exit.die(witness.stuck(reason)),
      history: [...rows],
      hash: hash.text(),
      now: moment.now,
      steps: moment.steps,
      leaked,
      escapes: [...escapes.all()],
      trace: [...trace],
    }
    // A fiber that is left must not be resumed by something real once the run is over.
    const alive = fibers.alive()
    for (const { fiber } of alive) fiber.interruptUnsafe()
    if (alive.length > 0) drive(() => false, Infinity, moment.steps + cleaning)
    return run
  })
}

// Bounds for what has no other: decisions after the end of the program, and after the interruption of what it left.
const settling = 10_000
const cleaning = 100_000

const checked = ({ plan, preempt = 0.1, seed = plan?.seed ?? 0 }: RunOptions) => {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be a whole number, not ${seed}`)
  // A fiber that is overtaken at every operation never does one.
  if (!(preempt >= 0 && preempt < 1)) throw new RangeError(`preempt must be at least 0 and below 1, not ${preempt}`)
  return { preempt, seed }
}
