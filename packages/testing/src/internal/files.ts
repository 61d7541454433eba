/**
 * Reads corpora and writes failures, where there are files: not in browsers.
 */

/** The JSON files of a folder, by name. */
export const corpus = (folder: string): ReadonlyArray<{ readonly name: string; readonly text: string }> => {
  const { fs, path } = system("corpus")
  if (!fs.existsSync(folder)) throw new RangeError(`corpus: there is no folder ${path.resolve(folder)}`)
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => ({ name: path.join(folder, name), text: fs.readFileSync(path.join(folder, name), "utf8") }))
}

/** Writes files into a folder, which is made, and says where they are. */
export const write = (
  folder: ReadonlyArray<string>,
  files: Readonly<Record<string, string>>,
): ReadonlyArray<string> => {
  const { fs, path } = system("failures")
  const where = path.join(...folder)
  fs.mkdirSync(where, { recursive: true })
  return Object.entries(files).map(([name, text]) => {
    fs.writeFileSync(path.join(where, name), text)
    return path.join(where, name)
  })
}

const system = (option: string) => {
  if (typeof process === "undefined" || process.getBuiltinModule === undefined) {
    throw new RangeError(`${option}: there are no files here; leave it out`)
  }
  return { fs: process.getBuiltinModule("node:fs"), path: process.getBuiltinModule("node:path") }
}
