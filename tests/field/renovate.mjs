// A second opinion on the families of tags: what the versioning modules of the update bot Renovate take as the newest.
//
//   npm install --ignore-scripts --prefix /tmp/renovate renovate@39
//   node tests/field/renovate.mjs /tmp/renovate [--all]
//
// Renovate answers for one tag at a time: which other tag would replace it? So it is asked for every tag that a person
// counts among the three newest versions of its variant. It agrees with the person where it leads from these to the
// newest ones, and to no others. Only where `docker` and the person differ is a family shown, with `--all` every one.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const MODULES = ["docker", "loose", "redhat", "semver-coerced", "pep440", "maven"];

const [folder, all] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node tests/field/renovate.mjs FOLDER_WITH_RENOVATE [--all]");
  process.exit(2);
}
const require = createRequire(resolve(folder, "package.json"));
const yaml = require("yaml");
const { get } = require(resolve(folder, "node_modules/renovate/dist/modules/versioning/index.js"));

/** The tag that would replace `current`, or that itself. */
function replacement(versioning, tags, current) {
  if (!versioning.isVersion(current)) return current;
  const isBetter = (tag) =>
    versioning.isVersion(tag) &&
    (versioning.isCompatible?.(tag, current) ?? true) &&
    (versioning.isStable(tag) || !versioning.isStable(current)) &&
    versioning.isGreaterThan(tag, current);
  return tags.filter(isBetter).sort((a, b) => versioning.sortVersions(a, b)).at(-1) ?? current;
}

function words(text) {
  return String(text ?? "").split(/\s+/).filter(Boolean);
}

/** Where the module leads, from each of the newest three, and whether that is where the person is. */
function opinion(module, family) {
  const pattern = new RegExp(family.match ?? ".");
  const tags = words(family.tags).filter((tag) => pattern.test(tag));
  const steps = words(family.newest_3).map((tag) => [tag, replacement(get(module), tags, tag)]);
  const found = new Set(steps.map(([, tag]) => tag));
  const wanted = new Set(words(family.newest_1));
  const agrees = found.size === wanted.size && [...found].every((tag) => wanted.has(tag));
  return { steps, wanted, agrees };
}

/** Why `docker` does not lead from a tag to the newest. */
function reason(versioning, from, wanted) {
  if (!versioning.isVersion(from)) return "no version to it";
  const suffix = (tag) => tag.split("-").slice(1).join("-");
  return wanted.some((tag) => suffix(tag) === suffix(from)) ? "other count of numbers, or a pre-release" : "other text behind the first dash";
}

const root = join(dirname(fileURLToPath(import.meta.url)), "tags");
const files = readdirSync(root, { recursive: true }).filter((name) => name.endsWith(".yaml")).sort();
const families = files.flatMap((name) => yaml.parse(readFileSync(join(root, name), "utf8")));
const agreeing = Object.fromEntries(MODULES.map((module) => [module, 0]));
const reasons = {};
let any = 0;
for (const family of families) {
  const opinions = MODULES.map((module) => [module, opinion(module, family)]);
  for (const [module, { agrees }] of opinions) agreeing[module] += agrees;
  const agree = opinions.filter(([, { agrees }]) => agrees).map(([module]) => module);
  any += agree.length > 0;
  const { steps, wanted, agrees } = opinions[0][1];
  if (agrees) {
    if (all) console.log(`${family.name}: docker as judged`);
    continue;
  }
  const [first] = steps.find(([, to]) => !wanted.has(to)) ?? [];
  if (first) {
    const why = reason(get("docker"), first, [...wanted]);
    reasons[why] = (reasons[why] ?? 0) + 1;
  }
  const wrong = steps.filter(([, to]) => !wanted.has(to)).map(([from, to]) => (from === to ? from : `${from} to ${to}`));
  console.log(`${family.name}: ${agree.join(", ") || "no module"} as judged; docker ends at ${wrong.join("; ") || "the newest"}`);
}
for (const [module, count] of Object.entries(agreeing)) console.log(`${module}: ${count} of ${families.length} as judged`);
console.log(`at least one of them: ${any}`);
console.log("where docker differs:", reasons);
