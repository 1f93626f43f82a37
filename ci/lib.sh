# shellcheck shell=bash
# What the scripts of ci/ share. Sourced, never run.

# say TEXT...: a line for people, on standard error, so that standard output stays for results.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die TEXT...: says it and ends the script with exit code 1.
die() {
	say "$@"
	exit 1
}

# usage_error TEXT...: says it and ends the script with exit code 2.
usage_error() {
	say "$@"
	exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# The first of the Debian packages $@ that this machine's sources offer.
first_offered() {
	local package
	for package; do
		if apt-cache show "$package" >/dev/null 2>&1; then
			printf '%s\n' "$package"
			return 0
		fi
	done
	return 1
}

# install_packages WHY PACKAGE...: from Debian, when we may; otherwise says what to install and stops.
# "a|b" takes the first that the machine's sources offer.
install_packages() {
	local why=$1 wanted chosen
	shift
	if ! have apt-get || ((EUID != 0)); then
		die "$why: missing. Install it (Debian: apt-get install ${*//|*/}) or run this as root"
	fi
	say "$why: missing; installing $* with apt-get"
	local lock=(-o DPkg::Lock::Timeout=300)
	apt-get "${lock[@]}" update -qq </dev/null >&2 || say "apt-get update failed; trying with the package lists at hand"
	local packages=()
	for wanted; do
		IFS='|' read -r -a chosen <<<"$wanted"
		packages+=("$(first_offered "${chosen[@]}")") || die "$why: no package of this machine's sources provides it ($wanted)"
	done
	DEBIAN_FRONTEND=noninteractive apt-get "${lock[@]}" install -y -qq --no-install-recommends "${packages[@]}" </dev/null >&2 ||
		die "$why: apt-get could not install ${packages[*]}"
}

# need COMMAND PACKAGE...: installs the packages when the command is missing.
need() {
	local command=$1
	shift
	have "$command" || install_packages "$command" "$@"
}

# describe_machine: what figures were taken on, as a Markdown list.
describe_machine() {
	local cpu
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	printf -- '- %s, %s cores, %s GiB\n' "${cpu:-$(uname -m)}" "$(nproc)" "$(awk '/^MemTotal/ { printf "%.0f", $2 / 1048576 }' /proc/meminfo)"
	printf -- '- %s, Linux %s\n' "$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-unknown system}")" "$(uname -r)"
	printf -- '- %s, %s\n' "$(rustc --version)" "$(java -version 2>&1 | head -n 1)"
	printf -- '- highwater %s, %s\n' "$(git describe --always --dirty 2>/dev/null || echo 'of unknown commit')" "$(date -u +%Y-%m-%dT%H:%MZ)"
	printf -- '- load average at the start: %s (the figures are worth little on a busy machine)\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
}
