import { assert, describe, it } from "@effect/vitest"
import * as SwimLane from "../src/internal/swimLane.ts"
import * as Timeline from "../src/internal/timeline.ts"
import { svg } from "../src/internal/timelineSvg.ts"
import { close, connect, dial, receive, refuse, rows } from "./rows.ts"

const reset = { _tag: "blackhole" }
const history = rows(
  dial("c1", 0),
  connect("c1", 0),
  connect("c1", 10, "server"),
  ["invoke", "send", 1, { at: 100, host: "client" }],
  ["ok", "send", 1, { at: 150, host: "client" }],
  receive(1),
  ["fault", "blackhole", "client-server", { at: 200, value: reset }],
  ["fault", "end", "client-server", { at: 400, value: reset }],
  close("c1", 300),
  close("c1", 300, "server"),
  dial("c2", 320),
  refuse("c2", 330),
  ["invoke", "send", "<2>", { at: 500, host: "client" }],
  ["fail", "send", "<2>", { at: 550, host: "client" }],
  ["fault", "heal", "", { at: 600 }],
  ["ok", "receive", 1, { at: 700, host: "server" }],
  ["state", "link", "chat", { at: 720, host: "server", value: "Ready" }],
)
const timeline = Timeline.make(history, 720, new Set([history[15]!]))

describe("a timeline", () => {
  it("as text shows who was connected when, what happened, and what breaks a rule", () =>
    assert.strictEqual(
      SwimLane.text(timeline),
      [
        "fault client-server  ....................B====================...............................",
        "client               o=========>====+==============x..!................>....-................",
        "server               .o=============<==============x.......................................#s",
        "                     0                                                                 720 ms",
        "                     B blackhole  o connects  > begins  + succeeds  x closes  ! refused  - fails  < seen  # breaks a rule  s state",
      ].join("\n"),
    ))

  it("as a picture tells every row, with nothing that a browser could run", () => {
    const picture = svg(timeline, 'a "title" & <more>')
    assert.match(picture, /^<svg [^>]*viewBox="0 0 960 148"/)
    assert.include(picture, ">a &quot;title&quot; &amp; &lt;more&gt;</text>")
    assert.include(picture, "<title>500 ms: invoke send &lt;2&gt;</title>")
    assert.include(picture, 'class="bad"><title>700 ms: ok receive 1 breaks a rule</title>')
    assert.strictEqual(picture.match(/<circle /g)?.length, 13)
    assert.strictEqual(picture.match(/class="(open|fault)"/g)?.length, 3)
    assert.notMatch(picture, /<script|<foreignObject|href|on\w+=/)
  })

  it("of nothing is empty", () => assert.strictEqual(SwimLane.text(Timeline.make([], 0, new Set())), ""))

  it("as a picture names faults where they begin", () => assert.include(svg(timeline, ""), ">blackhole</text>"))
})
