/**
 * The same faults on a real loopback port. Slower and less exact than the simulator, and the only way to test what you cannot simulate.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fault from "./Fault.ts"
import * as FaultPlan from "./FaultPlan.ts"
import * as Address from "./internal/address.ts"
import { hits, parts, type Route } from "./internal/networkWeather.ts"
import { alarms } from "./internal/alarm.ts"
import { Connections, type Order } from "./internal/proxyConnections.ts"
import * as Port from "./internal/proxyPort.ts"
import * as Toxics from "./internal/toxics.ts"

/** The port could not be opened. */
export class CannotListen extends Data.TaggedError("CannotListen")<{
  readonly address: string
  readonly why: string
}> {
  override get message(): string {
    return `cannot listen on ${this.address}: ${this.why}`
  }
}

/** An address is not one that can be used here. */
export class InvalidAddress extends Data.TaggedError("InvalidAddress")<{
  readonly address: string
  readonly expected: string
}> {
  override get message(): string {
    return `expected ${this.expected}, not ${JSON.stringify(this.address)}`
  }
}

/** A fault has no meaning on a real port; nothing has been applied. */
export class Unsupported extends Data.TaggedError("Unsupported")<{
  readonly kind: Fault.Kind
}> {
  override get message(): string {
    return `${this.kind} cannot happen on a real port; what can: ${kinds.join(", ")}`
  }
}

/** Why a proxy could not be made, or a fault not be applied; `reason` says which. */
export class FaultProxyError extends Data.TaggedError("FaultProxyError")<{
  readonly reason: CannotListen | InvalidAddress | Unsupported
}> {
  override get message(): string {
    return this.reason.message
  }
}

/** The kinds of fault that can happen on a real port. */
export const kinds: ReadonlyArray<Fault.Kind> = /* @__PURE__ */ Toxics.kinds()

/** A proxy in front of a real server. */
export interface FaultProxy {
  /** Where clients dial: `"127.0.0.1:49152"`. */
  readonly address: string
  /** Applies a fault until the scope closes. */
  readonly inject: (fault: Fault.Fault, options?: InjectOptions) => Effect.Effect<void, FaultProxyError, Scope.Scope>
  /** Plays a whole plan in real time; done when it is healed. Plays what hits this link, and ignores what hits others. */
  readonly play: (plan: FaultPlan.FaultPlan) => Effect.Effect<void, FaultProxyError>
  /** Connections open now. */
  readonly open: Effect.Effect<number>
}

/** Whom a fault hits, beside everybody. */
export interface InjectOptions {
  /** The chance that a connection suffers it at all. Default `1`. */
  readonly toxicity?: number | undefined
}

/** How to make a proxy. */
export interface Options {
  /** `"127.0.0.1:9000"`. */
  readonly upstream: string
  /** Default `"127.0.0.1:0"`, any free port. */
  readonly listen?: string | undefined
  /** The link it is in plans, whoever dials first: `"client-server"`. Default: whatever a plan hits, it hits this proxy. */
  readonly link?: string | undefined
  /** Where the random numbers of `inject` come from; a plan has its own. Default `0`. */
  readonly seed?: number | undefined
  /** Lets others than this machine in, if `listen` does. Default `false`. */
  readonly anywhere?: boolean | undefined
  /** Hears of every fault that begins, by `inject` or from a plan; what it answers with hears of its end. Plain. */
  readonly onFault?: ((fault: Fault.Fault) => () => void) | undefined
}

/**
 * Listens until the scope closes; then everything is cut.
 *
 * **Details**
 *
 * The upstream is dialled once for every client, and a client that it refuses is reset. What a fault means to bytes:
 *
 * | | |
 * | --- | --- |
 * | message | what one read of a socket gave, 64 KiB at most; programs that wait for answers have one message in a read |
 * | `connect:3`, `message:10` | the third connection to the upstream is open, and nothing has passed; the tenth message has been handed on |
 * | `bandwidth` | of each connection, each way |
 * | `reset`, `cutAt` | bytes count from the start of the fault, or of the connection, and each way for itself |
 * | `partition` | the kernel accepts connections, but they do not reach the upstream before it is over |
 * | `closeClean` | a FIN both ways; bytes have no code and no reason |
 * | `stall` of a host | it is not sent anything, and what is sent to it waits |
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<FaultProxy, FaultProxyError, Scope.Scope> {
  const upstream = yield* addressOf(options.upstream)
  const listen = yield* addressOf(options.listen ?? "127.0.0.1:0")
  if (options.anywhere !== true && !Address.isLoopback(listen)) {
    return yield* failed(
      new InvalidAddress({ address: Address.format(listen), expected: "a loopback address such as 127.0.0.1:6000" }),
    )
  }
  const route = options.link === undefined ? undefined : routeOf(options.link)
  const connections = new Connections(upstream, yield* alarms, route)
  yield* Effect.addFinalizer(() => Effect.sync(() => connections.end()))
  const { address, shut } = yield* Port.open(listen, (client, hear) => connections.accept(client, hear)).pipe(
    Effect.mapError(
      ({ why }) => new FaultProxyError({ reason: new CannotListen({ address: Address.format(listen), why }) }),
    ),
  )

  const begin = (order: Order) =>
    Effect.gen(function* () {
      if (order.fault._tag === "refuse") yield* shut
      yield* Effect.acquireRelease(
        Effect.sync(() => [connections.begin(order), options.onFault?.(order.fault)]),
        (ends) => Effect.sync(() => ends.forEach((end) => end?.())),
      )
    })
  let injected = 0
  const inject = Effect.fnUntraced(function* (fault: Fault.Fault, { toxicity = 1 }: InjectOptions = {}) {
    yield* supported([fault])
    yield* begin({ fault, on: "*", seed: options.seed ?? 0, number: injected++, toxicity })
  })
  const play = Effect.fnUntraced(function* ({ faults, healAt, seed }: FaultPlan.FaultPlan) {
    const ours = faults.filter((entry) => route === undefined || isHit(entry, route))
    yield* supported(ours.map(({ fault }) => fault))
    const one = (entry: FaultPlan.Entry, number: number) =>
      Effect.gen(function* () {
        const order = { fault: entry.fault, on: entry.on, seed, number, toxicity: 1 }
        yield* at(entry.at)
        yield* begin(order)
        yield* entry.for === undefined ? Effect.never : sleep(entry.for)
      }).pipe(Effect.scoped)
    const at = (when: FaultPlan.Entry["at"]) =>
      FaultPlan.isEvent(when)
        ? Effect.callback<void>((resume) => Effect.sync(connections.when(when, () => resume(Effect.void))))
        : sleep(when)
    const all = Effect.forEach(ours, one, { concurrency: "unbounded", discard: true })
    yield* Effect.raceFirst(Effect.andThen(all, Effect.never), Effect.sleep(Fault.toMillis(healAt)))
  })
  return { address: Address.format(address), inject, play, open: Effect.sync(() => connections.open) }
})

/** What `Service` makes: the key and its layer. */
export interface ServiceClass<Self, Id extends string> extends Context.ServiceClass<Self, Id, FaultProxy> {
  /** Listens as long as the layer lives. */
  readonly layer: Layer.Layer<Self, FaultProxyError>
}

/** A proxy as a service: `class Chaos extends FaultProxy.Service<Chaos>()("test/Chaos", { upstream }) {}`. */
export const Service =
  <Self>() =>
  <const Id extends string>(id: Id, options: Options): ServiceClass<Self, Id> => {
    const service = Context.Service<Self, FaultProxy>()(id)
    return Object.assign(service, { layer: Layer.effect(service, make(options)) })
  }

const failed = (reason: FaultProxyError["reason"]) => Effect.fail(new FaultProxyError({ reason }))

const addressOf = (text: string) => {
  const address = Address.parse(text)
  if (address !== undefined) return Effect.succeed(address)
  return failed(new InvalidAddress({ address: text, expected: "HOST:PORT such as 127.0.0.1:9000" }))
}

// No time is none at all, and not a turn of the event loop.
const sleep = (time: Fault.Time): Effect.Effect<void> => {
  const millis = Fault.toMillis(time)
  return millis === 0 ? Effect.void : Effect.sleep(millis)
}

const supported = (faults: ReadonlyArray<Fault.Fault>) => {
  const other = faults.find(({ _tag }) => !kinds.includes(_tag))
  return other === undefined ? Effect.void : failed(new Unsupported({ kind: other._tag }))
}

const routeOf = (link: string): Route => {
  const [from = link, to = link] = link.split("-")
  return { from, to }
}

const isHit = ({ fault, on }: FaultPlan.Entry, route: Route): boolean =>
  fault._tag === "partition" ? parts(fault, on, route) : hits(on, route)
