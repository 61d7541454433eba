import { createCipheriv } from "node:crypto"
import { describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { holdfast } from "./kit/holdfast.ts"
import { echoThread } from "./kit/echoThread.ts"
import { connect } from "./kit/peers.ts"
import { logUniform, MiB } from "./kit/sizes.ts"

describe("the proxy's fidelity", () => {
  it.live(
    "carries 10,000 text and 10,000 binary messages up and down, byte for byte",
    () =>
      Effect.gen(function* () {
        const up = yield* echoThread
        const program = yield* holdfast("proxy", "--upstream", up, "--listen", "127.0.0.1:0", "--admin", "off")
        const { ws } = yield* connect(program.url("proxy"), [], { maxPayload: 2 * MiB })
        const all = yield* samples(10_000, text)
        const bytes = (sample: Sample) => (sample.binary ? binary : text).subarray(sample.from, sample.to)
        yield* Effect.callback<void, string>((resume) => {
          let [sent, back] = [0, 0]
          const more = () => {
            for (; sent < all.length && sent - back < 256 && ws.bufferedAmount < 4 * MiB; sent++) {
              ws.send(bytes(all[sent]!), { binary: all[sent]!.binary })
            }
          }
          ws.on("message", (data: Buffer, isBinary) => {
            const expected = all[back++]!
            if (expected.binary !== isBinary || !bytes(expected).equals(data))
              resume(Effect.fail(`message ${back} changed`))
            else if (back === all.length) resume(Effect.void)
            else more()
          })
          ws.on("close", (code) => resume(Effect.fail(`closed with ${code} after ${back} messages`)))
          more()
        })
      }),
    60_000,
  )
})

interface Sample {
  readonly binary: boolean
  readonly from: number
  readonly to: number
}

/** Half text, half binary, in random order, each a stretch of the material of its kind. */
const samples = Effect.fnUntraced(function* (ofEachKind: number, text: Buffer) {
  const kinds = yield* Random.shuffle(Array.from({ length: 2 * ofEachKind }, (_, index) => index % 2 === 0))
  const all: Array<Sample> = []
  for (const binary of kinds) {
    const from = yield* Random.nextIntBetween(0, MiB)
    const to = from + (yield* logUniform(0, MiB))
    all.push(binary ? { binary, from, to } : { binary, from: wholeCharacter(text, from), to: wholeCharacter(text, to) })
  }
  return all
}, Random.withSeed("samples"))

const wholeCharacter = (text: Buffer, at: number): number => {
  let start = at
  while (start > 0 && (text[start]! & 0xc0) === 0x80) start--
  return start
}

/** Pseudo-random bytes, the same in every run. */
const binary = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(2 * MiB + 1))

/** Characters of one to four bytes, the borders of each length among them. */
const text = Buffer.from(
  "a\u0000\n\u007f\u0080\u00e9\u07ff\u0800\u20ac\uffff\u{10000}\u{1f600}\u{10ffff}".repeat(60_000),
)
