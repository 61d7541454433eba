/**
 * Effect's `Scheduler` for a run: one list of what could run next for all fibers, from which a seed picks. It also lets any fiber be
 * overtaken at any of its operations, because a resumed fiber otherwise runs inside the one that resumed it.
 */
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import * as Chance from "./chance.ts"
import type { AnyFiber, Fibers } from "./fibers.ts"
import type { Hash } from "./hash.ts"
import type { Moment } from "./moment.ts"

/** One decision: what ran, and what else could have. */
export interface Decision {
  /** Virtual milliseconds. */
  readonly at: number
  /** The fiber that ran first. */
  readonly ran: string
  /** Its place among those that could run, from 0, and how many those were. */
  readonly choice: number
  readonly of: number
  /** Operations until the next decision. */
  readonly operations: number
}

/** What the scheduler of a run needs. */
export interface Options {
  readonly moment: Moment
  readonly fibers: Fibers
  readonly hash: Hash
  readonly chance: Chance.Chance
  readonly preempt: number
  /** Where decisions are written down, if they are. */
  readonly trace: Array<Decision> | undefined
}

/** A scheduler that does nothing by itself. */
export interface Stepper {
  readonly scheduler: Scheduler.Scheduler
  /** Adds what can run now. */
  readonly ready: (task: () => void) => void
  /** Whether anything can. */
  readonly idle: () => boolean
  /** Runs one of them, or this one, without a choice. */
  readonly step: () => void
  readonly start: (task: () => void) => void
}

/**
 * Operations that are not put off. The first of a fiber: one that is interrupted before it starts would be overtaken on its way out,
 * and then be started after all. And the two with which Effect resumes after a yield: else a fiber that is often overtaken never moves.
 */
interface Spared {
  left: number
}
const resuming = 2

interface Task {
  readonly run: () => void
  readonly by: AnyFiber | undefined
}

/** The scheduler of one run. */
export const make = ({ chance, fibers, hash, moment, preempt, trace }: Options): Stepper => {
  const tasks: Array<Task> = []
  const below = preempt * 2 ** 32
  const sparing = new WeakMap<AnyFiber, Spared>()
  let last: AnyFiber | undefined
  let spared: Spared = { left: 0 }

  const overtaken = (fiber: AnyFiber): boolean => {
    if (fiber !== last) {
      last = fiber
      const known = sparing.get(fiber)
      spared = known ?? { left: 1 }
      if (known === undefined) sparing.set(fiber, spared)
    }
    if (spared.left > 0) {
      spared.left--
      return false
    }
    if (chance() >= below) return false
    spared.left = resuming
    return true
  }

  const decide = (choice: number, of: number, task: Task) => {
    const { now: at, operations: before } = moment
    fibers.begin(task.by)
    task.run()
    const operations = moment.operations - before
    hash.mix(choice)
    hash.mix(of)
    hash.mix(operations)
    trace?.push({ at, ran: fibers.first(), choice, of, operations })
  }

  const step = () => {
    const of = tasks.length
    const choice = Chance.below(chance, of)
    const task = tasks[choice]!
    // The last one fills the gap: the order of the list means nothing, and moving all would cost time.
    const last = tasks.pop()!
    if (choice < of - 1) tasks[choice] = last
    moment.steps++
    decide(choice, of, task)
  }

  const idle = () => tasks.length === 0
  // Priorities order the tasks of one fiber's dispatcher only, so between fibers they promise nothing.
  const dispatcher: Scheduler.SchedulerDispatcher = {
    scheduleTask: (run) => void tasks.push({ run, by: Fiber.getCurrent() }),
    flush: () => {
      while (!idle()) step()
    },
  }

  return {
    scheduler: {
      executionMode: "async",
      shouldYield: (fiber) => {
        moment.operations++
        fibers.running(fiber)
        return overtaken(fiber) || fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
      },
      makeDispatcher: () => dispatcher,
    },
    ready: (run) => void tasks.push({ run, by: undefined }),
    idle,
    step,
    start: (run) => decide(0, 1, { run, by: undefined }),
  }
}
