# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion for vnet-agent. The program itself knows what may follow: `vnet-agent __complete WORD...` prints one
# candidate a line, from the same table as its parser; ":file" and ":command" stand for what the shell knows.
_vnet_agent() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev words=() candidate
	local IFS=$'\n'

	# A ':' or '=' splits words at the prompt, where it would not split arguments.
	prev=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
	COMPREPLY=()
	while read -r candidate; do
		case $candidate in
		:file)
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
			;;
		:command)
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$cur")
			;;
		-*)
			# Options only to whom begins one.
			[[ $cur == -* ]] && words+=("$candidate")
			;;
		*)
			words+=("$candidate")
			;;
		esac
	done < <("${COMP_WORDS[0]}" __complete "${prev[@]}" 2>/dev/null)
	[ ${#words[@]} -eq 0 ] ||
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "${words[*]}" -- "$cur")
}
complete -F _vnet_agent vnet-agent
