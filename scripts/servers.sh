# shellcheck shell=bash
# A private PostgreSQL and a private Dovecot for quickstart and the benchmark: sourced, not
# run. Everything listens on loopback only. The processes are children of the sourcing shell and get
# a signal from the kernel when it dies, so that even a killed script leaves nothing behind; a session
# of their own keeps the terminal's Ctrl-C away from them until the script stops them in order.

readonly SERVERS_IMAP_USERS=(crm activity support)

servers_die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# servers_wait SECONDS WHAT COMMAND...: until the command succeeds, at most SECONDS.
servers_wait() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@"; do
    ((SECONDS < deadline)) || servers_die "$what: not within $seconds s"
    sleep 0.05
  done
}

# A port nobody listens on, below the range the kernel hands out to clients.
servers_free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# servers_port_usable PORT: nobody listens there.
servers_port_usable() {
  [[ -n $1 ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# servers_init DIR: where data, sockets and logs go. PostgreSQL refuses to run as root and Dovecot to
# deliver as root; then they run as the users their packages made, and when those may not enter DIR
# (a checkout below /root) the data lies in /var/lib, named after the checkout.
servers_init() {
  SERVERS_DIR=$1
  mkdir -p "$SERVERS_DIR"
  SERVERS_DATA=$SERVERS_DIR
  SERVERS_AS_POSTGRES=()
  SERVERS_MAIL_USER=$(id -un)
  SERVERS_MAIL_GROUP=$(id -gn)
  SERVERS_PG_USER=$SERVERS_MAIL_USER
  if [[ $(id -u) == 0 ]]; then
    SERVERS_PG_USER=postgres
    SERVERS_MAIL_USER=mail
    SERVERS_MAIL_GROUP=mail
    SERVERS_AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --init-groups)
    chmod 755 "$SERVERS_DIR"
    if ! setpriv --reuid=postgres --regid=postgres --clear-groups test -x "$SERVERS_DIR" ||
      ! setpriv --reuid=mail --regid=mail --clear-groups test -x "$SERVERS_DIR"; then
      SERVERS_DATA=/var/lib/client360-quickstart/$(sha256sum <<<"$SERVERS_DIR" | cut -c1-12)
      mkdir -p "$SERVERS_DATA"
      echo "$SERVERS_DIR" >"$SERVERS_DATA/belongs-to"
    fi
  fi
  # A socket's path is at most 107 bytes (unix(7)).
  SERVERS_SOCKETS=$SERVERS_DATA/pg
  if ((${#SERVERS_SOCKETS} > 80)); then
    SERVERS_SOCKETS=$(mktemp -d /tmp/client360-XXXXXX)
    chown "$SERVERS_PG_USER" "$SERVERS_SOCKETS"
  fi
  SERVERS_PG_BIN=$(ls -d /usr/lib/postgresql/15/bin 2>/dev/null) ||
    servers_die "PostgreSQL 15 is missing: run scripts/install-deps"
  SERVERS_DOVECOT=$(PATH=$PATH:/usr/sbin command -v dovecot) ||
    servers_die "Dovecot is missing: run scripts/install-deps"
}

# Everything servers_init's folder holds, the servers being down.
servers_erase() {
  if [[ $SERVERS_DATA != "$SERVERS_DIR" ]]; then rm -rf "$SERVERS_DATA"; fi
  rm -rf "$SERVERS_DIR"
  mkdir -p "$SERVERS_DATA" "$SERVERS_DIR"
}

# servers_postgres PORT [NAME=VALUE...]: initdb on the first call; sets SERVERS_PG_PID. Local
# connections by the socket need no password, the folder of the socket is closed to others.
servers_postgres() {
  local port=$1 data=$SERVERS_DATA/pg/data setting
  shift
  mkdir -p "$SERVERS_DATA/pg"
  chown "$SERVERS_PG_USER" "$SERVERS_DATA/pg"
  chmod 700 "$SERVERS_DATA/pg" "$SERVERS_SOCKETS"
  if [[ ! -s $data/PG_VERSION ]]; then
    (cd "$SERVERS_DATA/pg" && "${SERVERS_AS_POSTGRES[@]}" "$SERVERS_PG_BIN/initdb" -D "$data" \
      -U client360 --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8 \
      --no-instructions >"$SERVERS_DIR/initdb.log" 2>&1) ||
      servers_die "initdb failed: $(tail -n 5 "$SERVERS_DIR/initdb.log")"
  fi
  local settings=(-c "listen_addresses=127.0.0.1" -c "port=$port"
    -c "unix_socket_directories=$SERVERS_SOCKETS")
  for setting in "$@"; do settings+=(-c "$setting"); done
  # SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
  cd "$SERVERS_DATA/pg"
  setsid "${SERVERS_AS_POSTGRES[@]}" setpriv --pdeathsig INT "$SERVERS_PG_BIN/postgres" -D "$data" \
    "${settings[@]}" >>"$SERVERS_DIR/postgresql.log" 2>&1 &
  SERVERS_PG_PID=$!
  cd "$OLDPWD"
  SERVERS_PG_URL="host=$SERVERS_SOCKETS port=$port user=client360"
  servers_wait 60 "PostgreSQL (see $SERVERS_DIR/postgresql.log)" servers_postgres_answers
}

servers_postgres_answers() {
  kill -0 "$SERVERS_PG_PID" 2>/dev/null ||
    servers_die "PostgreSQL did not start: $(tail -n 3 "$SERVERS_DIR/postgresql.log")"
  "$SERVERS_PG_BIN/pg_isready" -q -d "$SERVERS_PG_URL dbname=postgres"
}

# servers_certificate: a CA of our own and a server certificate for localhost, once.
servers_certificate() {
  SERVERS_CA=$SERVERS_DIR/tls/ca.pem
  local tls=$SERVERS_DIR/tls
  [[ -s $tls/server.pem ]] && return
  mkdir -p "$tls"
  {
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=client360 quickstart CA" \
      -addext basicConstraints=critical,CA:TRUE -keyout "$tls/ca.key" -out "$tls/ca.pem"
    openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$tls/server.key" \
      -out "$tls/server.csr"
    openssl x509 -req -in "$tls/server.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial \
      -days 3650 -out "$tls/server.pem" \
      -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1")
  } >"$tls/openssl.log" 2>&1 || servers_die "openssl: $(tail -n 3 "$tls/openssl.log")"
  chmod 600 "$tls"/*.key
}

# servers_dovecot PORT [PLAIN_PORT]: implicit TLS on PORT; sets SERVERS_DOVECOT_PID. Users and
# passwords are lines of SERVERS_DIR/imap-users, one random password a user.
servers_dovecot() {
  local port=$1 plain=${2:-0} run=$SERVERS_DATA/dovecot conf=$SERVERS_DIR/dovecot.conf
  local internal=$SERVERS_MAIL_USER login=$SERVERS_MAIL_USER user password
  servers_certificate
  if [[ $(id -u) == 0 ]]; then
    internal=dovecot
    login=dovenull
  fi
  mkdir -p "$run" "$SERVERS_DATA/mail"
  chown "$SERVERS_MAIL_USER:$SERVERS_MAIL_GROUP" "$SERVERS_DATA/mail"
  if [[ ! -s $SERVERS_DIR/imap-users ]]; then
    for user in "${SERVERS_IMAP_USERS[@]}"; do
      password=$(openssl rand -hex 12)
      (umask 077 && printf '%s' "$password" >"$SERVERS_DIR/imap-$user.password")
      printf '%s:{PLAIN}%s\n' "$user" "$password"
    done >"$SERVERS_DIR/imap-users.new"
    mv "$SERVERS_DIR/imap-users.new" "$SERVERS_DIR/imap-users"
  fi
  # Dovecot's login processes read it as another user than root.
  install -m 600 -o "$internal" "$SERVERS_DIR/imap-users" "$run.users"
  cat >"$conf" <<CONF
protocols = imap
listen = 127.0.0.1
base_dir = $run
state_dir = $run
instance_name = client360-$port
log_path = $SERVERS_DIR/dovecot.log
ssl = yes
ssl_cert = <$SERVERS_DIR/tls/server.pem
ssl_key = <$SERVERS_DIR/tls/server.key
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
default_internal_user = $internal
default_internal_group = $(id -gn "$internal")
default_login_user = $login
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = $run.users
}
userdb {
  driver = static
  args = uid=$SERVERS_MAIL_USER gid=$SERVERS_MAIL_GROUP home=$SERVERS_DATA/mail/%u
}
namespace inbox {
  inbox = yes
}
service imap-login {
  chroot =
  inet_listener imap {
    port = $plain
  }
  inet_listener imaps {
    port = $port
    ssl = yes
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
CONF
  setsid setpriv --pdeathsig TERM "$SERVERS_DOVECOT" -F -c "$conf" </dev/null \
    >>"$SERVERS_DIR/dovecot.log" 2>&1 &
  SERVERS_DOVECOT_PID=$!
  SERVERS_IMAP_PORT=$port
  servers_wait 30 "Dovecot (see $SERVERS_DIR/dovecot.log)" servers_dovecot_answers
}

servers_dovecot_answers() {
  kill -0 "$SERVERS_DOVECOT_PID" 2>/dev/null ||
    servers_die "Dovecot did not start: $(tail -n 3 "$SERVERS_DIR/dovecot.log")"
  ! servers_port_usable "$SERVERS_IMAP_PORT"
}

# servers_append USER FILE...: IMAP APPEND over TLS, as any mail program would; prints
# "FILE<tab>UIDVALIDITY<tab>UID" for each. Non-synchronising literals (RFC 7888), so that one
# connection takes all mails without waiting, once it is signed in: a login process that has not met
# the authentication yet hangs up when much comes at once.
servers_append() {
  local user=$1 file n=0 password answer
  shift
  password=$(<"$SERVERS_DIR/imap-$user.password")
  answer=$SERVERS_DIR/append.$BASHPID
  {
    printf 'login LOGIN "%s" "%s"\r\n' "$user" "$password"
    servers_wait 20 "no answer to the sign-in of $user" grep -qsa '^login ' "$answer"
    for file in "$@"; do
      printf 'a%d APPEND INBOX {%d+}\r\n' "$n" "$(stat -c %s "$file")"
      cat "$file"
      printf '\r\n'
      n=$((n + 1))
    done
    printf 'end LOGOUT\r\n'
  } | openssl s_client -quiet -verify_return_error -CAfile "$SERVERS_CA" -verify_hostname localhost \
    -connect "127.0.0.1:$SERVERS_IMAP_PORT" >"$answer" 2>"$answer.err" || true
  n=0
  for file in "$@"; do
    if [[ $(grep -a "^a$n " "$answer") =~ \[APPENDUID\ ([0-9]+)\ ([0-9]+)\] ]]; then
      printf '%s\t%s\t%s\n' "$file" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    else
      servers_die "the IMAP server did not take $file: $(grep -a "^a$n \|^login " "$answer" || tail -n 2 "$answer.err")"
    fi
    n=$((n + 1))
  done
  rm -f "$answer" "$answer.err"
}

# servers_stop_process PID SIGNAL SECONDS: asks, waits, then insists.
servers_stop_process() {
  local pid=$1 signal=$2 deadline=$((SECONDS + $3))
  { # bash itself tells of a killed child
    kill -s "$signal" "$pid" || return 0
    while kill -0 "$pid"; do
      if ((SECONDS >= deadline)); then
        kill -s KILL "$pid"
        break
      fi
      sleep 0.05
    done
    wait "$pid" || true
  } 2>/dev/null
}

servers_stop() {
  [[ -z ${SERVERS_DOVECOT_PID:-} ]] || servers_stop_process "$SERVERS_DOVECOT_PID" TERM 10
  [[ -z ${SERVERS_PG_PID:-} ]] || servers_stop_process "$SERVERS_PG_PID" INT 20
  SERVERS_DOVECOT_PID='' SERVERS_PG_PID=''
  case ${SERVERS_SOCKETS:-} in
    /tmp/client360-*) rm -rf "$SERVERS_SOCKETS" ;;
  esac
}
