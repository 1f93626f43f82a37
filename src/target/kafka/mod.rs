//! Apache Kafka through librdkafka: the only importer of rdkafka.
