# shellcheck shell=bash
# What quickstart and test show of a build that takes minutes: sourced, not run.

# shellcheck disable=SC2034  # for those that source this
readonly PROGRESS_STATUS='[%p %f/%t] '

# Ninja's lines (NINJA_STATUS=$PROGRESS_STATUS) as one moving line on a terminal, as every tenth
# percent elsewhere.
show_progress() {
  local line shown=-1 percent
  while IFS= read -r line; do
    # Ninja counts this by itself, before it knows how much there is to do.
    [[ $line != *'Re-checking globbed directories'* ]] || continue
    if [[ $line =~ ^\[\ *([0-9]+)%\ ([0-9]+)/([0-9]+)\]\ (.*) ]]; then
      percent=$((10#${BASH_REMATCH[1]}))
      if [[ -t 1 ]]; then
        printf '\r\033[K    %3d %%  %s of %s  %.60s' "$percent" "${BASH_REMATCH[2]}" \
          "${BASH_REMATCH[3]}" "${BASH_REMATCH[4]##*/}"
      elif ((percent / 10 > shown)); then
        shown=$((percent / 10))
        printf '    %3d %%  %s of %s\n' "$percent" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
      fi
    fi
  done
  [[ ! -t 1 ]] || printf '\r\033[K'
}
