/**
 * All links of a program to one target: one row in lists, one set of series, plain counters. There may be ten thousand of them, so
 * neither people nor metrics want them one by one, and a link must stay small.
 */
import { measure } from "#measure"
import * as Context from "effect/Context"
import type * as Connectivity from "../Connectivity.ts"
import * as Events from "../Events.ts"
import { type Probe, type Registry, type Row, Telemetry } from "../Telemetry.ts"

/** What the links of one target add up to. */
export class Target implements Probe {
  readonly program: string
  readonly name: string
  readonly states = { Idle: 0, Connecting: 0, Ready: 0, TransientFailure: 0, Shutdown: 0 }
  open = 0
  refs = 0
  attempts = 0
  lastError: string | null = null
  /** One owner fewer; row and series go with the last. */
  readonly leave: () => void

  constructor(program: string, name: string, leave: () => void) {
    this.program = program
    this.name = name
    this.leave = leave
  }

  row(): Row {
    const { attempts, lastError, name: target, program, refs } = this
    return { _tag: "Link", program, target, state: this.#state, refs, attempts, lastError }
  }

  // The best of them: one that works is what callers get. Without any, how the last one ended.
  get #state(): Connectivity.State {
    if (this.states.Ready > 0) return "Ready"
    if (this.states.Connecting > 0) return "Connecting"
    return this.states.TransientFailure > 0 || this.lastError !== null ? "TransientFailure" : "Idle"
  }
}

interface Entry {
  readonly target: Target
  owners: number
}

// One table per list, so that a test with a list of its own shares nothing.
const tables = new WeakMap<Registry, Map<string, Entry>>()

/** The target, with one owner more. */
export const enter = (context: Context.Context<never>, program: string, name: string): Target => {
  const list = Context.get(context, Telemetry)
  let table = tables.get(list)
  if (table === undefined) tables.set(list, (table = new Map()))
  const key = `${program} ${name}`
  let entry = table.get(key)
  if (entry === undefined) table.set(key, (entry = open(context, program, name, () => table.delete(key))))
  entry.owners++
  return entry.target
}

const open = (context: Context.Context<never>, program: string, name: string, remove: () => void): Entry => {
  const target = new Target(program, name, () => {
    entry.owners--
    if (entry.owners > 0) return
    remove()
    unlist()
    unmeasure()
    forget()
  })
  const entry: Entry = { target, owners: 0 }
  const unlist = Context.get(context, Telemetry).add(target)
  const unmeasure = measure(context, target)
  const forget = Context.get(context, Events.Events).track(name)
  return entry
}
