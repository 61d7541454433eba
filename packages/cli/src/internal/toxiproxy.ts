/**
 * The proxies and toxics that the API of Toxiproxy speaks of, on top of fault proxies. What a request means is here, how it travels in
 * `toxiproxyRoutes`.
 */
import { Fault } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { ApiError, isJson, type Json, text, type Toxic, wrong } from "./toxics.ts"
import * as Toxics from "./toxics.ts"

/** Where proxies come from. */
export interface Options {
  /** The proxy that is there already, and where it leads; it cannot be moved. */
  readonly first: { readonly name: string; readonly proxy: FaultProxy.FaultProxy; readonly upstream: string }
  /** Proxies that are made here may be reached from other machines, too. */
  readonly anywhere: boolean
}

/** A proxy as the API shows it. */
export interface Shown {
  readonly name: string
  readonly listen: string
  readonly upstream: string
  readonly enabled: boolean
  readonly toxics: ReadonlyArray<Toxic>
}

/** Every request of the API, decoded. */
export interface Toxiproxy {
  readonly all: Effect.Effect<ReadonlyArray<Shown>>
  readonly get: (name: string) => Effect.Effect<Shown, ApiError>
  readonly create: (body: Json) => Effect.Effect<Shown, ApiError>
  readonly update: (name: string, body: Json) => Effect.Effect<Shown, ApiError>
  readonly remove: (name: string) => Effect.Effect<void, ApiError>
  readonly populate: (bodies: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<Shown>, ApiError>
  /** All proxies are enabled, and no toxic is left. */
  readonly reset: Effect.Effect<void>
  readonly toxic: (name: string, toxic: string) => Effect.Effect<Toxic, ApiError>
  readonly addToxic: (name: string, body: Json) => Effect.Effect<Toxic, ApiError>
  readonly updateToxic: (name: string, toxic: string, body: Json) => Effect.Effect<Toxic, ApiError>
  readonly removeToxic: (name: string, toxic: string) => Effect.Effect<void, ApiError>
}

/** What it is asked to be. */
interface Wanted {
  readonly name: string
  readonly listen: string
  readonly upstream: string
  readonly enabled: boolean
}

interface Entry extends Wanted {
  readonly proxy: FaultProxy.FaultProxy
  /** Nothing for the one that was there already. */
  readonly life: Scope.Closeable | undefined
  readonly toxics: Map<string, { readonly toxic: Toxic; readonly life: Scope.Closeable }>
  /** Open while it is disabled. */
  off: Scope.Closeable | undefined
}

/** Proxies live until the scope closes. One request at a time changes something. */
export const make = Effect.fnUntraced(function* ({
  anywhere,
  first,
}: Options): Effect.fn.Return<Toxiproxy, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const turn = Semaphore.makeUnsafe(1)
  const entries = new Map<string, Entry>()

  const enter = (wanted: Wanted, proxy: FaultProxy.FaultProxy, life: Entry["life"]): Entry => {
    const entry: Entry = { ...wanted, proxy, life, toxics: new Map(), off: undefined }
    entries.set(entry.name, entry)
    return entry
  }
  enter({ ...first, listen: first.proxy.address, enabled: true }, first.proxy, undefined)

  const find = (name: string) => {
    const entry = entries.get(name)
    return entry === undefined ? fail(404, "proxy not found") : Effect.succeed(entry)
  }
  const findToxic = Effect.fnUntraced(function* (entry: Entry, name: string) {
    return entry.toxics.get(name) ?? (yield* fail(404, "toxic not found"))
  })
  const start = Effect.fnUntraced(function* (wanted: Wanted) {
    const life = yield* Scope.fork(scope)
    const { listen, upstream } = wanted
    const proxy = yield* FaultProxy.make({ upstream, listen: listenOn(listen, anywhere), anywhere }).pipe(
      Scope.provide(life),
      Effect.onError(() => Scope.close(life, Exit.void)),
      Effect.catch(({ message }) => fail(500, message)),
    )
    const entry = enter(wanted, proxy, life)
    yield* enable(entry, wanted.enabled)
    return entry
  })
  const stop = Effect.fnUntraced(function* (entry: Entry) {
    yield* clear(entry)
    if (entry.life !== undefined) yield* Scope.close(entry.life, Exit.void)
    else yield* Scope.provide(goAway(entry), scope) // its port is not ours to give back
    entries.delete(entry.name)
  })
  const clear = Effect.fnUntraced(function* (entry: Entry) {
    for (const { life } of entry.toxics.values()) yield* Scope.close(life, Exit.void)
    entry.toxics.clear()
  })
  const enable = Effect.fnUntraced(function* (entry: Entry, enabled: boolean) {
    if (enabled === (entry.off === undefined)) return
    if (entry.off !== undefined) yield* Scope.close(entry.off, Exit.void)
    entry.off = enabled ? undefined : yield* Scope.fork(scope)
    if (entry.off !== undefined) yield* Scope.provide(goAway(entry), entry.off)
  })
  const apply = Effect.fnUntraced(function* (entry: Entry, toxic: Toxic) {
    const life = yield* Scope.fork(scope)
    const { toxicity } = toxic
    yield* Scope.provide(Effect.orDie(entry.proxy.inject(Toxics.faultOf(toxic), { toxicity })), life)
    entry.toxics.set(toxic.name, { toxic, life })
    return toxic
  })
  const leave = Effect.fnUntraced(function* (entry: Entry) {
    if (entry.life !== undefined) return yield* stop(entry)
    return yield* fail(400, `${entry.name} is from the command line and stays where it is`)
  })
  // A proxy that is moved keeps its toxics; one that is replaced has none.
  const move = Effect.fnUntraced(function* (entry: Entry, wanted: Wanted) {
    const toxics = [...entry.toxics.values()].map(({ toxic }) => toxic)
    yield* leave(entry)
    const moved = yield* start(wanted)
    for (const toxic of toxics) yield* apply(moved, toxic)
    return moved
  })
  // Also for a client that hangs up in the middle: what is begun is done.
  const inTurn = <A, E>(change: Effect.Effect<A, E>) => turn.withPermits(1)(Effect.uninterruptible(change))

  return {
    all: Effect.sync(() => [...entries.values()].map(show)),
    get: (name) => Effect.map(find(name), show),
    create: Effect.fnUntraced(function* (body) {
      const asked = yield* wanted(body)
      if (entries.has(asked.name)) return yield* fail(409, "proxy already exists")
      return show(yield* start(asked))
    }, inTurn),
    update: Effect.fnUntraced(function* (name, body) {
      const entry = yield* find(name)
      const { listen, upstream } = entry
      const asked = yield* wanted({ listen, upstream, enabled: entry.off === undefined, ...body, name })
      const there = isThere(entry, asked) ? entry : yield* move(entry, asked)
      yield* enable(there, asked.enabled)
      return show(there)
    }, inTurn),
    remove: Effect.fnUntraced(function* (name) {
      yield* stop(yield* find(name))
    }, inTurn),
    populate: Effect.fnUntraced(function* (bodies) {
      const asked = yield* Effect.forEach(bodies, (body, at) => wanted(isJson(body) ? body : {}, ` at proxy ${at + 1}`))
      return yield* Effect.forEach(
        asked,
        Effect.fnUntraced(function* (one) {
          const found = entries.get(one.name)
          if (found !== undefined && isThere(found, one)) return show(found)
          if (found !== undefined) yield* leave(found)
          return show(yield* start(one))
        }),
      )
    }, inTurn),
    reset: Effect.suspend(() =>
      Effect.forEach([...entries.values()], (entry) => Effect.andThen(clear(entry), enable(entry, true)), {
        discard: true,
      }),
    ).pipe(inTurn),
    toxic: Effect.fnUntraced(function* (name, toxic) {
      return (yield* findToxic(yield* find(name), toxic)).toxic
    }),
    addToxic: Effect.fnUntraced(function* (name, body) {
      const entry = yield* find(name)
      const toxic = yield* Toxics.read(body)
      if (entry.toxics.has(toxic.name)) return yield* fail(409, "toxic already exists")
      return yield* apply(entry, toxic)
    }, inTurn),
    updateToxic: Effect.fnUntraced(function* (name, toxic, body) {
      const entry = yield* find(name)
      const { life, toxic: before } = yield* findToxic(entry, toxic)
      const after = yield* Toxics.change(before, body)
      yield* Scope.close(life, Exit.void)
      return yield* apply(entry, after)
    }, inTurn),
    removeToxic: Effect.fnUntraced(function* (name, toxic) {
      const entry = yield* find(name)
      const { life } = yield* findToxic(entry, toxic)
      entry.toxics.delete(toxic)
      yield* Scope.close(life, Exit.void)
    }, inTurn),
  }
})

const fail = (status: number, error: string) => Effect.fail(new ApiError({ status, error }))

// What is disabled refuses everybody, and hangs up on those who are there.
const goAway = ({ proxy }: Entry) =>
  Effect.orDie(Effect.andThen(proxy.inject(Fault.refuse), proxy.inject(Fault.closeClean())))

const wanted = Effect.fnUntraced(function* (body: Json, where = ""): Effect.fn.Return<Wanted, ApiError> {
  const [name, listen, upstream] = [
    yield* text(body, "name"),
    yield* text(body, "listen"),
    yield* text(body, "upstream"),
  ]
  if (!name) return yield* fail(400, `missing required field: name${where}`)
  if (!upstream) return yield* fail(400, `missing required field: upstream${where}`)
  const enabled = body["enabled"] ?? true
  if (typeof enabled !== "boolean") return yield* wrong("enabled", "true or false", enabled)
  return { name, listen: listen || ":0", upstream, enabled }
})

const isThere = (entry: Entry, { listen, upstream }: Wanted): boolean =>
  upstream === entry.upstream && (listen === entry.listen || listen === entry.proxy.address)

// `:8000` is every address there; here it is every address only if others may come in.
const listenOn = (listen: string, anywhere: boolean): string =>
  listen.startsWith(":") ? `${anywhere ? "0.0.0.0" : "127.0.0.1"}${listen}` : listen

const show = ({ name, off, proxy, toxics, upstream }: Entry): Shown => ({
  name,
  listen: proxy.address,
  upstream,
  enabled: off === undefined,
  toxics: [...toxics.values()].map(({ toxic }) => toxic),
})
