# shellcheck shell=bash
# A cluster that asks who you are: certificates, users and listeners of `ci/kafka up --security sasl_ssl`. Sourced by ci/kafka, never run.
# shellcheck disable=SC2154 # dir, brokers and java are ci/kafka's
#
# Clients come in by SASL_SSL (SCRAM-SHA-256, SCRAM-SHA-512, PLAIN, unsecured OAUTHBEARER) on the first ports, by mutual TLS on the third ones, or
# by SASL_SSL with SCRAM-SHA-512 alone on the fourth. Brokers talk to each other by mutual TLS. `admin` may do everything, `app` and the certificate of `client` only what ACLs allow.
# In the instance's directory lie, for clients of librdkafka, client.properties (app), admin.properties and mtls.properties; for Kafka's own tools
# tools.properties (admin); and the certificates.

readonly USERS=(app admin)

certificate_authority() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout "$1.key" -out "$1.crt" -subj "/CN=highwater $1" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign
}

# certificate NAME CA [EXTENSION]: NAME.key, NAME.crt, and both with the CA's in NAME.pem.
certificate() {
	openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/CN=$1" |
		openssl x509 -req -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 3650 -extfile <(printf '%s\n' "${3:-}") -out "$1.crt"
	cat "$1.key" "$1.crt" "$2.crt" >"$1.pem"
}

make_certificates() {
	need openssl openssl
	mkdir -p "$dir/certs"
	(
		cd "$dir/certs"
		umask 077
		certificate_authority ca
		certificate_authority other-ca
		certificate broker ca 'subjectAltName=DNS:localhost,IP:127.0.0.1'
		certificate client ca
		certificate stranger other-ca
	) >"$dir/certs.log" 2>&1 || {
		cat "$dir/certs.log" >&2
		die "the certificates could not be made"
	}
}

# The password of user $1, made when it is asked for first.
password_of() {
	local file=$dir/certs/$1.password
	[[ -f $file ]] || (umask 077 && head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$file")
	cat "$file"
}

# The lines of a librdkafka client that comes in as user $1.
sasl_client() {
	printf '%s\n' "security.protocol=sasl_ssl" "ssl.ca.location=$dir/certs/ca.crt" "sasl.mechanism=SCRAM-SHA-512" \
		"sasl.username=$1" "sasl.password=$(password_of "$1")"
}

write_client_files() {
	(
		umask 077
		sasl_client app >"$dir/client.properties"
		sasl_client admin >"$dir/admin.properties"
		printf '%s\n' security.protocol=ssl "ssl.ca.location=$dir/certs/ca.crt" "ssl.certificate.location=$dir/certs/client.crt" \
			"ssl.key.location=$dir/certs/client.key" >"$dir/mtls.properties"
		printf '%s\n' security.protocol=SASL_SSL ssl.truststore.type=PEM "ssl.truststore.location=$dir/certs/ca.crt" sasl.mechanism=PLAIN \
			"sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"$(password_of admin)\";" \
			>"$dir/tools.properties"
	)
}

# What a broker's properties have in place of plaintext listeners: clients' port $1, controllers' $2, mutual TLS $3,
# one mechanism $4.
secure_listeners() {
	local module=org.apache.kafka.common.security user plain=''
	for user in "${USERS[@]}"; do plain+=" user_$user=\"$(password_of "$user")\""; done
	cat <<-END
		listeners=CLIENT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2,MTLS://127.0.0.1:$3,STRICT://127.0.0.1:$4
		listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SSL,MTLS:SSL,STRICT:SASL_SSL
		inter.broker.listener.name=MTLS
		ssl.keystore.type=PEM
		ssl.keystore.location=$dir/certs/broker.pem
		ssl.truststore.type=PEM
		ssl.truststore.location=$dir/certs/ca.crt
		listener.name.mtls.ssl.client.auth=required
		listener.name.controller.ssl.client.auth=required
		ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/
		listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
		listener.name.client.scram-sha-256.sasl.jaas.config=$module.scram.ScramLoginModule required;
		listener.name.client.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
		listener.name.client.plain.sasl.jaas.config=$module.plain.PlainLoginModule required$plain;
		listener.name.client.oauthbearer.sasl.jaas.config=$module.oauthbearer.OAuthBearerLoginModule required;
		listener.name.strict.sasl.enabled.mechanisms=SCRAM-SHA-512
		listener.name.strict.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
		authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
		super.users=User:admin;User:broker
	END
}

# Options of StorageTool's format, a line each: the users by SCRAM.
scram_users() {
	local user mechanism
	for user in "${USERS[@]}"; do
		for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
			printf '%s\n' --add-scram "$mechanism=[name=$user,password=$(password_of "$user")]"
		done
	done
}
