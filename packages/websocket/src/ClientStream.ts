/**
 * What a client receives as a Stream. Apart from `Client`, because Streams are heavy and the browser's path must not carry them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Client from "./Client.ts"

/**
 * What arrives, across reconnects; fails when the connection is over for good.
 *
 * **Gotchas**
 *
 * It takes all that has arrived at once: a Stream that ends early, as `Stream.take` does, takes the rest of it along.
 */
export const messages = (client: Client.Shape): Stream.Stream<Client.Message, Client.ClientError> =>
  Stream.fromPull(Effect.succeed(client.receive))
