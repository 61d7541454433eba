import type { Writable } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Ws from "ws"
import { FrameReader } from "../src/internal/frameReader.ts"
import * as Frame from "../src/internal/frame.ts"
import { mask, plainMask, plainUnmask, unmask } from "../src/internal/mask.ts"

// `ws`, the library that most peers have, is the judge: what one of us writes the other reads, and both find the same fault with the
// same bytes.

const times = Number(process.env["HOLDFAST_RUNS"] ?? 1)
const options = (runs: number) => ({
  arbitrary: { seed: process.env["HOLDFAST_SEED"] ?? "frames", runs: runs * times },
  timeout: 60_000 * times,
})
const maxMessage = 70_000

type Heard = ReadonlyArray<ReadonlyArray<unknown>>

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const readByUs = (chunks: ReadonlyArray<Buffer>, masked: boolean): Heard => {
  const heard: Array<ReadonlyArray<unknown>> = []
  const reader = new FrameReader(
    { masked, maxMessage },
    {
      message: (data, text) => heard.push(["message", text, hex(data)]),
      pinged: (payload) => heard.push(["ping", hex(payload)]),
      ponged: (payload) => heard.push(["pong", hex(payload)]),
      goodbye: (code, reason) => heard.push(["close", code, reason]),
      violated: (code) => heard.push(["violated", code]),
    },
  )
  for (const chunk of chunks) reader.take(Buffer.from(chunk)) // a copy, because it unmasks in place
  return heard
}

// Exported, though not typed.
const { Receiver } = Ws as unknown as {
  readonly Receiver: new (options: object) => Writable
}

const readByWs = (chunks: ReadonlyArray<Buffer>, masked: boolean): Heard => {
  const heard: Array<ReadonlyArray<unknown>> = []
  const receiver = new Receiver({ isServer: masked, maxPayload: maxMessage, maxFragments: 16_384 })
  receiver.on("message", (data: Buffer, binary: boolean) => heard.push(["message", !binary, hex(data)]))
  receiver.on("ping", (payload: Buffer) => heard.push(["ping", hex(payload)]))
  receiver.on("pong", (payload: Buffer) => heard.push(["pong", hex(payload)]))
  receiver.on("conclude", (code: number, reason: Buffer) => heard.push(["close", code, reason.toString()]))
  // As the stream would call it, which tells of errors later.
  const done = (error?: Error | null) => {
    if (error === undefined || error === null) return
    const [code] = Object.getOwnPropertySymbols(error).map((symbol) => Reflect.get(error, symbol) as number)
    heard.push(["violated", code])
  }
  for (const chunk of chunks) {
    const last = heard.at(-1)?.[0]
    if (last !== "close" && last !== "violated") receiver._write(Buffer.from(chunk), "binary", done)
  }
  return heard
}

const whole = (from: number, to: number) => Schema.Int.check(Schema.isBetween({ minimum: from, maximum: to }))

const Raw = Schema.Struct({
  opcode: Schema.Literals([0, 0, 1, 1, 2, 2, 3, 8, 9, 10, 11]),
  final: Schema.Boolean,
  reserved: Schema.Literals([0, 0, 0, 0, 0, 0, 0x40, 0x20, 0x10]),
  wronglyMasked: Schema.Literals([false, false, false, false, false, false, false, true]),
  length: Schema.Union([whole(0, 5), whole(120, 130), Schema.Literals([65_535, 65_536, 69_999, 70_001])]),
  /** Of a close frame. */
  code: Schema.Literals([1000, 1004, 1005, 1011, 2999, 3000, 5000]),
  text: Schema.Literals(["ascii", "ascii", "ascii", "wide", "broken"]),
})

const payloadOf = ({ code, length, opcode, text }: typeof Raw.Type): Buffer => {
  const body = Buffer.alloc(length, "a")
  if (text === "wide") for (let at = 0; at + 2 <= length; at += 2) body.write("é", at)
  if (text === "broken" && length > 0) body[length - 1] = 0xc3
  if (opcode === 8 && length >= 2) body.writeUInt16BE(code)
  return body
}

const bytesOf = (raw: typeof Raw.Type, masked: boolean): Buffer => {
  const payload = payloadOf(raw)
  const [frame] = [Buffer.concat(Frame.pieces(raw.opcode, payload, masked !== raw.wronglyMasked ? key : undefined))]
  frame[0] = (raw.final ? 0x80 : 0) | raw.reserved | raw.opcode
  return frame
}

const key = Uint8Array.from([0x37, 0xfa, 0x21, 0x3d])

const cut = (bytes: Buffer, sizes: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const chunks: Array<Buffer> = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : sizes[turn % sizes.length]!
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

describe("reading", () => {
  it.effect.prop(
    "agrees with ws about every stream of frames, however it is cut into reads",
    [
      Schema.Array(Raw).check(Schema.isMinLength(1), Schema.isMaxLength(6)),
      Schema.Array(Schema.Union([whole(1, 20), whole(1000, 70_000)])).check(Schema.isMaxLength(4)),
      Schema.Boolean,
    ],
    ([frames, sizes, masked]) =>
      Effect.sync(() => {
        const chunks = cut(Buffer.concat(frames.map((frame) => bytesOf(frame, masked))), sizes)
        assert.deepStrictEqual(readByUs(chunks, masked), readByWs(chunks, masked))
      }),
    options(2000),
  )

  it("counts what is not whole, and forgets it when it is", () => {
    const reader = new FrameReader(
      { masked: false, maxMessage },
      { message: () => {}, pinged: () => {}, ponged: () => {}, goodbye: () => {}, violated: () => {} },
    )
    const frame = Buffer.concat(Frame.pieces(2, Buffer.alloc(60_000), undefined))
    reader.take(frame.subarray(0, 30_000))
    assert.isAtLeast(reader.unfinished, 29_000)
    reader.take(frame.subarray(30_000))
    assert.strictEqual(reader.unfinished, 0)
    frame[0] = 2 // not final
    reader.take(frame)
    assert.isAtLeast(reader.unfinished, 60_000)
  })

  it("keeps no read that is mostly something else for the sake of a few bytes", () => {
    const whole = Buffer.concat(Frame.pieces(2, Buffer.alloc(60_000), undefined))
    // The beginning of a frame, and a whole fragment.
    for (const [begin, end] of [
      [Buffer.from([0x82, 2, 7]), Buffer.from([7])],
      [Buffer.from([2, 1, 7]), Buffer.from([0x80, 1, 7])],
    ] as const) {
      const heard: Array<string> = []
      const reader = new FrameReader(
        { masked: false, maxMessage },
        {
          message: (data) => heard.push(hex(data.subarray(0, 2))),
          pinged: () => {},
          ponged: () => {},
          goodbye: () => {},
          violated: () => {},
        },
      )
      const read = Buffer.concat([whole, begin])
      reader.take(read)
      read.fill(1) // what is left of it is a copy
      reader.take(end)
      assert.deepStrictEqual(heard, ["0000", "0707"])
    }
  })

  it("takes no endless row of empty fragments", () => {
    const heard: Array<number> = []
    const reader = new FrameReader(
      { masked: false, maxMessage },
      {
        message: () => {},
        pinged: () => {},
        ponged: () => {},
        goodbye: () => {},
        violated: (code) => heard.push(code),
      },
    )
    reader.take(Buffer.from([2, 0]))
    for (let turn = 0; turn < 20; turn++) reader.take(Buffer.alloc(2000))
    assert.deepStrictEqual(heard, [1008])
  })
})

describe("writing", () => {
  it.effect.prop(
    "is read by ws as it was meant, masked or not",
    [Schema.Union([whole(0, 300), whole(4000, 4200), whole(65_500, 65_600)]), Schema.Boolean],
    ([length, masked]) =>
      Effect.sync(() => {
        const payload = Buffer.from(Array.from({ length }, (_, at) => at % 251))
        const frame = Buffer.concat(Frame.pieces(Frame.opcode.binary, payload, masked ? key : undefined))
        assert.deepStrictEqual(readByWs([frame], masked), [["message", false, hex(payload)]])
      }),
    options(500),
  )
})

describe("the mask", () => {
  it.effect.prop(
    "is the same by bytes, by words and by the native library, wherever the bytes lie",
    [whole(0, 300), whole(0, 8), whole(0, 8)],
    ([length, from, to]) =>
      Effect.sync(() => {
        const source = new Uint8Array(length + from).map((_, at) => at * 7).subarray(from)
        const expected = hex(source.map((byte, at) => byte ^ key[at & 3]!))
        for (const way of [mask, plainMask]) {
          const output = new Uint8Array(length + to + 3)
          way(source, key, output, to, length)
          assert.strictEqual(hex(output.subarray(to, to + length)), expected)
          assert.deepStrictEqual([...output.subarray(to + length)], [0, 0, 0])
        }
        for (const way of [unmask, plainUnmask]) {
          const bytes = new Uint8Array(length + from + to).subarray(to, to + length)
          bytes.set(source)
          way(bytes, key)
          assert.strictEqual(hex(bytes), expected)
        }
      }),
    options(1000),
  )
})
