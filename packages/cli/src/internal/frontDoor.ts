/**
 * A front door in the scope at hand, for programs that have more than one.
 */
import * as Acceptor from "@holdfast/websocket/Acceptor"
import * as Proxy from "@holdfast/websocket/Proxy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { RunError } from "./failure.ts"

/** Listens until the scope closes. */
export const listen = (options: Acceptor.ListenOptions) =>
  Layer.build(Acceptor.layer(options)).pipe(
    Effect.map((context) => Context.get(context, Acceptor.Acceptor)),
    Effect.mapError(({ message }) => new RunError({ message })),
  )

/** Proxies the clients of the door until the scope closes; then drains. */
export const proxy = (acceptor: Acceptor.Acceptor["Service"], options: Proxy.Options) =>
  Layer.build(Layer.provide(Proxy.layer(options), Layer.succeed(Acceptor.Acceptor, acceptor)))

/** The address as somebody on this machine dials it. */
export const dialable = (address: string): string =>
  address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:")
