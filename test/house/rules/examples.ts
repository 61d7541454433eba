/**
 * Every example can be found from the front page, runs by one command and has a test. The tests of the examples themselves are in
 * `test/examples` and `test/interop`.
 */
import type { Tree } from "../support/tree.ts"

const command = /npm run -s example -- ([\w-]+)/g

const foldersOf = (tree: Tree): ReadonlyArray<string> => [
  ...new Set(tree.paths.flatMap((path) => /^examples\/([^/]+)\//.exec(path)?.[1] ?? [])),
]

const named = (text: string): ReadonlyArray<string> => [...text.matchAll(command)].map((match) => match[1]!)

const example = (tree: Tree, name: string, front: string, tests: string): ReadonlyArray<string> => {
  const folder = `examples/${name}`
  const readme = tree.read(`${folder}/README.md`)
  return [
    /^\d\d-[a-z0-9-]+$/.test(name) ? "" : "is not called NN-name",
    ...["README.md", "main.ts", "program.ts"].map((file) => (tree.has(`${folder}/${file}`) ? "" : `has no ${file}`)),
    readme === "" || named(readme).includes(name) ? "" : "does not print its own command in README.md",
    front.includes(name) ? "" : "is not listed in the root README.md",
    tests.includes(name) ? "" : "has no test in test/examples or test/interop",
  ].flatMap((problem) => (problem === "" ? [] : [`${folder}: ${problem}`]))
}

/** Examples that are incomplete, hidden, untested, or promised and not there. */
export const exampleViolations = (tree: Tree): ReadonlyArray<string> => {
  const front = tree.read("README.md")
  const folders = foldersOf(tree)
  const tests = tree.paths
    .filter((path) => /^test\/(examples|interop)\/.*\.test\.ts$/.test(path))
    .map((path) => tree.read(path))
    .join("\n")
  const promised = tree.paths
    .filter((path) => path.endsWith(".md") && !path.startsWith("."))
    .flatMap((path) => named(tree.read(path)).map((name) => ({ path, name })))
    .filter(({ name }) => name !== "NN-name" && !folders.includes(name))
  return [
    ...folders.flatMap((name) => example(tree, name, front, tests)),
    ...promised.map(({ name, path }) => `${path}: names the example ${name}, which does not exist`),
  ]
}
