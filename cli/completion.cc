// `completion bash`: shell code made from the same description as the help texts.
#include "cli/app.h"

namespace dreamdb::cli {

namespace {

struct CompletionOptions {
  std::string shell;
};

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::vector<std::string> names_of(const CLI::App& command) {
  std::vector<std::string> names = {command.get_name()};
  for (const std::string& alias : command.get_aliases()) names.push_back(alias);
  return names;
}

std::string options_of(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return join(words);
}

// Options whose value is no file, so that nothing misleading is offered.
constexpr const char* kTail = R"bash(
# Refs of the store before the @ of the word; folders and files otherwise.
_dreamdb_locator() {
  local word=$1 url
  case $word in
    *@*)
      url=${word%%@*}
      mapfile -t COMPREPLY < <(compgen -P "$url@" -W "$(dreamdb ls --names "$url" 2>/dev/null)" -- "${word#*@}")
      ;;
    *)
      compopt -o filenames -o nospace 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
  esac
}

_dreamdb() {
  local word command="" i
  # The words as the shell sees them, not cut at @ and =.
  local line=${COMP_LINE:0:COMP_POINT}
  local -a words
  read -r -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=${words[-1]:-}
  COMPREPLY=()
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    [[ ${words[i]} != -* ]] && { command=${words[i]}; break; }
  done
  if [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$_dreamdb_commands --help --version" -- "$word")
    return
  fi
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "${_dreamdb_options[$command]:-}" -- "$word")
    return
  fi
  case ${words[-2]:-} in
    --on-conflict) mapfile -t COMPREPLY < <(compgen -W "refuse skip replace" -- "$word"); return ;;
    --algorithm) mapfile -t COMPREPLY < <(compgen -W "dreamdb.ivf-cosine dreamdb.ivf-ip dreamdb.ivf-l2 dreamdb.imi-cosine dreamdb.lsh-cosine" -- "$word"); return ;;
    --distance) mapfile -t COMPREPLY < <(compgen -W "cosine ip l2" -- "$word"); return ;;
  esac
  _dreamdb_locator "$word"
  # Readline replaces only what follows the last @ or : of the word.
  local before=${word%"${word##*[@:]}"}
  local j
  for j in "${!COMPREPLY[@]}"; do COMPREPLY[j]=${COMPREPLY[j]#"$before"}; done
}
complete -F _dreamdb dreamdb
)bash";

Status run_completion(const CompletionOptions&, Session& session) {
  Session unused;
  CLI::App app;
  describe_app(app, unused);
  return session.out.write(bash_completion(app));
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::vector<std::string> commands;
  std::string options;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (const std::string& name : names_of(*command)) {
      commands.push_back(name);
      options += "  [" + name + "]=\"" + options_of(*command) + "\"\n";
    }
  }
  return "# Completion of dreamdb for bash; made by: dreamdb completion bash\n"
         "_dreamdb_commands=\"" +
         join(commands) +
         "\"\n"
         "declare -gA _dreamdb_options=(\n" +
         options + ")\n" + kTail;
}

void add_completion(CLI::App& app, Session& session) {
  auto o = std::make_shared<CompletionOptions>();
  Command command = add_command(app, session, "completion",
                                "completion of commands, options and refs for a shell", "",
                                "  eval \"$(dreamdb completion bash)\"     # in ~/.bashrc");
  command.add_option("SHELL", o->shell, "bash").required().one_of({"bash"}).type_name("");
  on_run(command, session, o, run_completion);
}

}  // namespace dreamdb::cli
