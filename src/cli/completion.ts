/**
 * `dlab completion SHELL`: a script that makes the shell ask dlab what could come next.
 *
 * Invariant: what is offered is read off the command line itself and off the catalogue, so a new
 * option, scenario or variant is completed without anybody having to say so.
 */

import type { Command } from 'commander';
import { RCU_LEVELS } from '../rcu/index.js';
import { SCENARIOS, findScenario, variantsOf } from '../scenario/index.js';
import { TRACE_FORMATS, REPORT_FORMATS } from './formats.js';
import { LISTS } from './list.js';
import { oneOf } from './options.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** The hidden verb that the scripts call: the words so far, the last one perhaps unfinished. */
export const COMPLETE = '__complete';

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `# dlab completion for bash: eval "$(dlab completion bash)"
_dlab() {
  local IFS=$'\\n' cur line
  # Words as the user sees them: bash would cut them at : and =.
  local -a words
  IFS=' ' read -r -a words <<< "\${COMP_LINE:0:COMP_POINT}"
  [[ "\${COMP_LINE:0:COMP_POINT}" == *' ' ]] && words+=('')
  cur="\${words[-1]}"
  COMPREPLY=()
  while IFS= read -r line; do
    [[ -n "$line" ]] && COMPREPLY+=("$line")
  done < <("\${words[0]}" ${COMPLETE} -- "\${words[@]:1}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && "\${COMPREPLY[0]}" == ':files' ]]; then
    COMPREPLY=()
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$cur")
    compopt -o filenames 2>/dev/null
  fi
  return 0
}
complete -F _dlab dlab`,
  zsh: `#compdef dlab
# dlab completion for zsh: eval "$(dlab completion zsh)"
_dlab() {
  local -a found
  found=("\${(@f)$("\${words[1]}" ${COMPLETE} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == ':files' ]]; then
    _files
  else
    compadd -- \${found:#}
  fi
}
compdef _dlab dlab`,
  fish: `# dlab completion for fish: dlab completion fish | source
function __dlab_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (dlab ${COMPLETE} -- $words[2..-1] 2>/dev/null)
  if test "$found" = ':files'
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c dlab -f -a '(__dlab_complete)'`,
};

/** The script for a shell. @throws UsageError */
export function completionScript(shell: string): string {
  return SCRIPTS[oneOf('completion', shell, SHELLS)];
}

/** Instead of words: names of files. */
const FILES = ':files';

/**
 * What the last word could become.
 * @param words what follows `dlab`, up to the cursor; the last one may be empty
 */
export function completions(program: Command, words: readonly string[]): readonly string[] {
  const last = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const verb = program.commands.find((command) => command.name() === before[0]);
  const offered =
    verb === undefined
      ? before.length > 0
        ? []
        : [...visible(program), '--help', '--version']
      : offersOf(program, verb, before.slice(1), last);
  if (offered === FILES) return [FILES];
  return offered.filter((word) => word.startsWith(last) && word !== last);
}

function visible(program: Command): string[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .map((command) => command.name());
}

function offersOf(
  program: Command,
  verb: Command,
  before: readonly string[],
  last: string,
): readonly string[] | typeof FILES {
  const previous = before.at(-1) ?? '';
  const option = verb.options.find(({ short, long }) => previous === short || previous === long);
  if (option !== undefined && (option.required || option.optional)) {
    return valuesOf(option.long ?? '', verb, before);
  }
  if (last.startsWith('-')) {
    return [...verb.options.map(({ long }) => long ?? ''), '--help'];
  }
  switch (verb.name()) {
    case 'check':
    case 'show':
    case 'play':
      return scenarioNames();
    case 'list':
      return LISTS;
    case 'matrix':
      return ['stash', 'races'];
    case 'completion':
      return SHELLS;
    case 'help':
      return visible(program);
    case 'lesson':
      return Array.from({ length: 10 }, (_, i) => String(i + 1));
    case 'new':
      return before.length === 0 ? ['variant'] : [];
    case 'patch':
      return before.length === 0 ? FILES : scenarioNames();
    case 'merge':
      return FILES;
    default:
      return [];
  }
}

/** Scenarios, the prefixes that stand for many, and `all`. */
function scenarioNames(): string[] {
  const prefixes = SCENARIOS.map(({ name }) => name.slice(0, name.indexOf('/') + 1));
  return [...SCENARIOS.map(({ name }) => name), ...new Set(prefixes), 'all'];
}

function valuesOf(
  option: string,
  verb: Command,
  before: readonly string[],
): readonly string[] | typeof FILES {
  switch (option) {
    case '--variant':
      return variantNames(before);
    case '--scenario':
      return SCENARIOS.map(({ name }) => name);
    case '--lockref':
      return ['faithful', 'counter', 'spinlock'];
    case '--rcu':
      return RCU_LEVELS;
    case '--fs':
      return ['nsfs', 'pidfs'];
    case '--reuse':
      return ['never', 'lifo', 'explore'];
    case '--engine':
      return ['auto', 'dpor', 'states'];
    case '--format':
      return verb.name() === 'show'
        ? TRACE_FORMATS
        : [...new Set<string>([...TRACE_FORMATS, ...REPORT_FORMATS])];
    case '--with':
    case '--out':
    case '--corpus':
    case '--checkpoint':
    case '--resume':
      return FILES;
    default:
      return [];
  }
}

/** The variants of the scenario that the words name; of all, if they name none. */
function variantNames(words: readonly string[]): string[] {
  const names = new Set(SCENARIOS.map(({ name }) => name));
  const named = words.filter((word) => names.has(word)).map(findScenario);
  return variantsOf(named.length > 0 ? named : SCENARIOS).map(({ name }) => name);
}
